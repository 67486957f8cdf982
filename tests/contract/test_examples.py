"""The programs of examples/, run as they stand against the running system."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.system import System

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
STAND_INS = {"node": "node.py", "curl": "curl.py"}


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for PATH with stand-ins, which come after whatever the machine has."""
    for name, source in STAND_INS.items():
        tool = tmp_path / name
        text = (ROOT / "tests" / "support" / source).read_text(encoding="utf-8")
        tool.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
        tool.chmod(0o755)
    return tmp_path


def run(system: System, tools: Path, *command: str, first: bool = False) -> str:
    billhook = tools / "billhook"
    billhook.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cli "$@"\n')
    billhook.chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}" if first else f"{os.environ['PATH']}:{tools}"
    environment = os.environ | {
        "PATH": path,
        "BILLHOOK": str(billhook),
        "BILLHOOK_DATA_DIR": str(system.data_dir),
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_example_is_answered_with_success(system: System, tools: Path) -> None:
    output = run(system, tools, "sh", str(EXAMPLES / "run"))

    headings = [line.removeprefix("== ") for line in output.splitlines() if line.startswith("== ")]
    programs = {path.name for path in EXAMPLES.iterdir() if path.suffix in {".mjs", ".sh"}}
    assert set(headings) == programs
    assert output.count("stripePaymentIntent") == 1
    assert output.count("paymentIntents") == 1
    assert output.count('"object":"invoice"') >= 2
    assert '"count":' in output


@pytest.mark.extended
def test_the_stand_ins_send_what_the_tools_send(system: System, tools: Path) -> None:
    """So that a machine without node or curl proves the same."""
    output = run(system, tools, "sh", str(EXAMPLES / "run"), first=True)

    assert output.count("stripePaymentIntent") == 1
    assert output.count('"object":"invoice"') == 3  # one of them within 002's envelope
