"""Test what the command line does with arguments, files and days that no command can use."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from cli.main import UNSAFE
from eventlog.security import safe_json


def run(
    *arguments: str | bytes, redirection: str = "", folder: Path, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a command by a shell that redirects its files."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BILLHOOK_")}
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "cli", *arguments],
        env={**kept, "BILLHOOK_DATA_DIR": str(folder), **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def test_texts_that_the_api_refuses_are_refused() -> None:
    assert UNSAFE.pattern == safe_json.UNSAFE.pattern


@pytest.mark.parametrize("argument", [b"\xff", b"two\nlines", b"\x1b[31m"])
def test_an_argument_that_is_no_printable_text_is_refused(tmp_path: Path, argument: bytes) -> None:
    ended = run("apps", "create", argument, folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "billhook: argument 3 has control characters, or is not UTF-8\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_whose_standard_files_are_closed_ends_as_otherwise(
    tmp_path: Path, database: str, closed: str
) -> None:
    settings = {"BILLHOOK_DATABASE_URL": database, "BILLHOOK_MASTER_KEYS": "none"}
    report = ("reconcile", "report", "--app", "none")
    assert run(*report, redirection=closed, folder=tmp_path, **settings).returncode == 1


@pytest.mark.parametrize("arguments", [["--help"], ["clusters", "--help"], ["doctor"]])
def test_output_that_cannot_be_written_is_an_error_with_its_reason(
    tmp_path: Path, arguments: list[str]
) -> None:
    # A limit of zero blocks for what the command writes to files stands for a full disk.
    command = [sys.executable, "-m", "cli", *arguments]
    ended = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$@" > "$OUTPUT"', "sh", *command],
        env={**os.environ, "BILLHOOK_DATA_DIR": str(tmp_path), "OUTPUT": str(tmp_path / "output")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr == f"billhook: [Errno {errno.EFBIG}] File too large\n"


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    ended = run("up", "--port", "0", "--sandbox-port", "0", folder=file)
    assert ended.returncode == 1
    assert ended.stderr == f"billhook: [Errno 17] File exists: '{file}'\n"


def test_a_day_beyond_the_calendar_is_an_error_with_its_reason(tmp_path: Path) -> None:
    days = ("--from", "2026-01-01", "--to", "9999-12-31")
    command = ("reconcile", "run", "--app", "a", "--connection", "b", *days)
    ended = run(*command, folder=tmp_path, BILLHOOK_MASTER_KEYS=Fernet.generate_key().decode())
    assert ended.returncode == 1
    assert ended.stderr == "billhook: date value out of range\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["x" * 65], "give --slug"), (["x" * 256, "--slug", "x"], "a name has 1 to 255 characters")],
)
def test_an_apps_name_and_slug_have_the_lengths_of_the_api(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    ended = run("apps", "create", *arguments, folder=tmp_path)
    assert ended.returncode == 1
    assert message in ended.stderr


def test_ctrl_c_while_a_command_is_loaded_ends_it_without_a_traceback(tmp_path: Path) -> None:
    program = """
import signal, sys
class PressedDuringImport:
    def find_spec(self, name, *_):
        if name == "cli.work":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, PressedDuringImport())
from cli.main import main
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", program, "work", "list", "--app", "a"],
        env={**os.environ, "BILLHOOK_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
