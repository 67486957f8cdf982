"""The shell blocks of README and docs/tour.md, run as they stand."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.local.postgres import EmbeddedPostgres
from cli.local.process import wait_until
from cli.local.supervisor import stop_leftovers
from tests.support.processes import children_of, ending_with_tests

ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash") or "/bin/bash"
README = (ROOT / "README.md").read_text()
TOUR = (ROOT / "docs" / "tour.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README + TOUR, re.MULTILINE | re.DOTALL)
MAKE_BLOCKS = [block.strip() for block in BLOCKS if block.startswith("make ")]
REQUESTS = "\n".join(block for block in BLOCKS if not block.startswith("make "))


@dataclass(frozen=True)
class Running:
    """A running `make run`: its process, its output, and the environment to reach it."""

    process: subprocess.Popen[str]
    output: list[str]
    environment: dict[str, str]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Only what README documents, so that runs side by side do not meet."""
    folder = tmp_path_factory.mktemp("readme")
    # What is installed already is not installed again: the tests run in it.
    installed = folder / "installed"
    installed.touch()
    tools = folder / "bin"
    tools.mkdir()
    if shutil.which("curl") is None:
        curl = tools / "curl"
        source = (ROOT / "tests" / "support" / "curl.py").read_text()
        curl.write_text(f"#!{sys.executable}\n{source}")
        curl.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BILLHOOK_")}
    return {
        **kept,
        "PATH": f"{os.environ['PATH']}:{tools}",
        "MAKEFLAGS": f"INSTALLED={installed}",
        "BILLHOOK_DATA_DIR": str(folder / "data"),
        "BILLHOOK_PORT": "0",
        "BILLHOOK_SANDBOX_PORT": "0",
    }


@pytest.fixture(scope="module")
def running(environment: dict[str, str]) -> Iterator[Running]:
    """The block `make run`, up to its ready line; Ctrl-C at the end."""
    process = subprocess.Popen(
        ending_with_tests([BASH, "-euc", MAKE_BLOCKS[0]]),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    output: list[str] = []
    reader = threading.Thread(target=lambda: output.extend(iter_lines(process)), daemon=True)
    reader.start()
    try:
        wait_until(
            lambda: any("demo env" in line for line in output) or process.poll() is not None,
            timeout_s=120,
        )
        yield Running(process, output, environment)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(timeout=60)
        reader.join(timeout=10)
        assert process.stdout is not None
        process.stdout.close()
        data = Path(environment["BILLHOOK_DATA_DIR"])
        stop_leftovers(data, timeout_s=1)
        EmbeddedPostgres(data).remove()


def iter_lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    yield from process.stdout


def test_readme_opens_with_the_two_commands() -> None:
    assert MAKE_BLOCKS[:2] == ["make run", "make test"]
    assert README.index("make test") < README.index("## ")


def test_every_make_target_of_readme_exists() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"\bmake ([a-z-]+)", "\n".join(MAKE_BLOCKS))
    named += re.findall(r"`make ([a-z-]+)`", README)
    assert set(named) <= set(targets)


def test_make_run_starts_the_system_and_prints_a_request_to_try(running: Running) -> None:
    assert any(line.startswith("Billhook is ready at http") for line in running.output), (
        running.output
    )


def test_the_requests_of_readme_and_tour_return_the_documented_results(running: Running) -> None:
    answer = subprocess.run(
        ending_with_tests([BASH, "-euo", "pipefail", "-c", REQUESTS]),
        cwd=ROOT,
        env=running.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    assert '"status":"paid"' in answer.stdout
    assert "card_declined" in answer.stdout
    assert '"status":"requires_action"' in answer.stdout
    assert '"type":"invoice.payment_succeeded"' in answer.stdout
    assert '"amountRefundedMinor":500' in answer.stdout
    assert '"attempt":2' in answer.stdout
    assert '"status":"void"' in answer.stdout


def test_ctrl_c_ends_all_of_it(running: Running) -> None:
    """The last test of the file: it ends what the others asked."""
    os.killpg(running.process.pid, signal.SIGINT)
    running.process.wait(timeout=60)
    data = Path(running.environment["BILLHOOK_DATA_DIR"])
    assert not (data / "settings.env").exists()
    assert children_of(data) == []
