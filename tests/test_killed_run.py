"""A run of the tests that is killed leaves no process behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.processes import ending_with_tests
from tests.support.system import eventually

_ROOT = Path(__file__).parents[1]
_TEST = """
import subprocess, sys, threading
from pathlib import Path
from tests.support.processes import ending_with_tests

def test_waits():
    threading.Thread(target=threading.Event().wait).start()
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    child = subprocess.Popen(ending_with_tests(sleep))
    Path({started!r}).write_text(str(child.pid))
    child.wait()
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_workers_of_a_killed_run_and_what_they_started_end(
    tmp_path: Path, how: signal.Signals
) -> None:
    started = tmp_path / "started"
    (tmp_path / "test_waiting.py").write_text(_TEST.format(started=str(started)))
    options = ["-n", "1", "-p", "tests.support.worker_end", "-p", "no:cacheprovider"]
    run = subprocess.Popen(
        ending_with_tests(
            [sys.executable, "-m", "pytest", *options, "--rootdir", str(tmp_path), str(tmp_path)]
        ),
        cwd=_ROOT,
        stdout=subprocess.DEVNULL,
    )
    eventually(lambda: started.exists() and started.read_text() != "")
    (worker,) = psutil.Process(run.pid).children()
    child = psutil.Process(int(started.read_text()))
    run.send_signal(how)
    run.wait()
    eventually(lambda: not worker.is_running() and not child.is_running())
