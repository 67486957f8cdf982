"""Test that a process which is a fork is as independent of its owner as one started anew."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from cli.local.process import wait_until
from cli.local.supervisor import stop_leftovers
from tests.support.processes import children_of, ending_with_tests

# The same is required of both; `billhook up` forks on Linux alone.
WAYS = ("started", "forked") if sys.platform == "linux" else ("started",)

# Says what it is, then waits or ends.
CHILD = """
import json, os, signal, sys
def is_open(number):
    try:
        return bool(os.fstat(number))
    except OSError:
        return False
def main():
    print(json.dumps({
        "arguments": sys.argv[1:], "environment": dict(os.environ), "session": os.getsid(0),
        "pid": os.getpid(), "name": __name__,
        "files": [os.fstat(number).st_ino for number in range(3, 64) if is_open(number)],
        "input": [os.fstat(0).st_rdev == os.stat(os.devnull).st_rdev, os.get_inheritable(0)],
        "terminates": signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
    }), flush=True)
    if sys.argv[1] == "wait":
        signal.pause()
    if sys.argv[1] == "raise":
        raise ValueError("a fault of the child")
    sys.exit(int(sys.argv[2]))
if __name__ == "__main__":
    main()
"""
OWNER = """
import json, os, signal, sys
from pathlib import Path
from cli.local.forked import Preloaded
from cli.local.supervisor import ChildProcess
folder = Path(sys.argv[1])
sys.path.insert(0, sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: None)
kept = open(folder / "lock", "w")
MODULES = Preloaded(["json", "own_module.__main__"])
child = ChildProcess("child", command=[sys.executable, "-m", "own_module", *sys.argv[3:]],
                     env={"NAME": "value", "PYTHONPATH": sys.argv[1]},
                     log=folder / "child.log", owner=folder,
                     preloaded=MODULES if sys.argv[2] == "forked" else None)
child.launch()
for line in sys.stdin:
    if line == "stop\\n":
        child.stop(timeout_s=30)
    print(json.dumps({"running": child.is_running(), "code": child.exit_code()}), flush=True)
"""


class Owner:
    """A process that forked a child, and what the child says."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.process = process

    def said(self) -> dict[str, Any]:
        """The first line of the child's log; no warning comes before it."""
        log = self.folder / "child.log"
        assert wait_until(lambda: log.exists() and "\n" in log.read_text(), timeout_s=60)
        found: dict[str, Any] = json.loads(log.read_text().splitlines()[0])
        return found

    def ask(self, what: str) -> dict[str, Any]:
        """Ask the owner for the child's state, after stopping it where `what` is stop."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found


@contextmanager
def owner(folder: Path, way: str, *arguments: str) -> Iterator[Owner]:
    (folder / "own_module").mkdir()
    (folder / "own_module" / "__main__.py").write_text(CHILD)
    process = subprocess.Popen(
        ending_with_tests([sys.executable, "-c", OWNER, str(folder), way, *arguments]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OF_THE_OWNER": "secret"},
    )
    try:
        yield Owner(folder, process)
    finally:
        process.kill()
        process.communicate()
        stop_leftovers(folder, timeout_s=1)


@pytest.mark.parametrize("way", WAYS)
def test_a_fork_has_its_own_session_environment_output_and_files(tmp_path: Path, way: str) -> None:
    with owner(tmp_path, way, "wait", "two words") as started:
        said = started.said()
        assert said["arguments"] == ["wait", "two words"]
        assert said["environment"]["BILLHOOK_UP_CHILD_OF"] == str(tmp_path)
        assert said["environment"]["NAME"] == "value"
        assert "OF_THE_OWNER" not in said["environment"]
        assert said["session"] == said["pid"] != os.getsid(started.process.pid)
        assert (said["name"], said["terminates"]) == ("__main__", True)
        # Its own children have the same input: those of the API's server open it again.
        assert said["input"] == [True, True]
        assert (tmp_path / "lock").stat().st_ino not in said["files"]
        (found,) = children_of(tmp_path)
        assert found.pid == said["pid"]
        assert "-m own_module wait two words" in " ".join(found.cmdline())
        assert started.ask("look") == {"running": True, "code": None}
        assert started.ask("stop")["running"] is False
        assert not psutil.pid_exists(said["pid"])


@pytest.mark.parametrize("way", WAYS)
def test_a_forks_exit_code_and_fault_are_those_of_its_module(tmp_path: Path, way: str) -> None:
    for arguments, code in ((("exit", "3"), 3), (("exit", "0"), 0), (("raise",), 1)):
        folder = tmp_path / "-".join(arguments)
        folder.mkdir()
        with owner(folder, way, *arguments) as started:
            started.said()
            assert wait_until(lambda: not started.ask("look")["running"], timeout_s=60)
            assert started.ask("look")["code"] == code
        has_fault = "ValueError: a fault of the child" in (folder / "child.log").read_text()
        assert has_fault is (arguments == ("raise",))


@pytest.mark.parametrize("way", WAYS)
def test_a_fork_ends_with_its_owner(tmp_path: Path, way: str) -> None:
    with owner(tmp_path, way, "wait") as started:
        said = started.said()
        started.process.kill()
        assert wait_until(lambda: not psutil.pid_exists(said["pid"]), timeout_s=60)


STOPS_AT_ONCE = """
import os, signal, sys
from pathlib import Path
from cli.local.forked import Preloaded
from cli.local.process import spawn
signal.signal(signal.SIGTERM, lambda *_: None)
modules = Preloaded(["json"])
for _ in range(10):
    command = [sys.executable, "-m", "asyncio"]
    if sys.argv[2] == "forked":
        process = modules.start(command, log=Path(sys.argv[1]), env={}, title="")
    else:
        process = spawn(command, log=Path(sys.argv[1]), env={})
    process.terminate()
    print(process.wait(10), flush=True)
"""


@pytest.mark.parametrize("way", WAYS)
def test_a_child_that_is_stopped_while_it_starts_ends(tmp_path: Path, way: str) -> None:
    command = [sys.executable, "-c", STOPS_AT_ONCE, str(tmp_path / "log"), way]
    ended = subprocess.run(ending_with_tests(command), capture_output=True, text=True, check=False)
    assert ended.stdout.split() == [str(-signal.SIGTERM)] * 10, ended.stderr
