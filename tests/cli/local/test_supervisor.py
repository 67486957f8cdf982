import errno
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cli.local.process import wait_until
from cli.local.supervisor import (
    ChildFailedError,
    ChildProcess,
    Supervisor,
    stop_leftovers,
)
from tests.support.processes import children_of

WAITS = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\n"
STUBBORN += "while True: signal.pause()"
HAS_A_CHILD = "import subprocess, sys, signal\n"
HAS_A_CHILD += "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
HAS_A_CHILD += "print(child.pid, flush=True); signal.pause()"
OWNER = """
import os, signal, sys
from pathlib import Path
from cli.local.supervisor import ChildProcess
folder = Path(sys.argv[1])
child = ChildProcess("child", command=[sys.executable, "-c", sys.argv[2]], env=os.environ,
                     log=folder / "child.log", owner=folder)
child.launch()
while not (folder / "child.log").read_text(): pass
print("started", flush=True)
signal.pause()
"""


class Watch:
    """A supervisor in a thread of its own, and what it reported."""

    def __init__(self, folder: Path, *, settled_after_s: float = 60) -> None:
        self.folder = folder
        self.reports: list[str] = []
        self._ended = threading.Event()
        self.supervisor = Supervisor(
            report=self.reports.append,
            stopping=self._ended.is_set,
            settled_after_s=settled_after_s,
        )
        self._thread = threading.Thread(target=self.supervisor.run)

    def child(self, name: str, code: str) -> ChildProcess:
        log = self.folder / f"{name}.log"
        return ChildProcess(
            name,
            command=[sys.executable, "-c", code],
            env={},
            log=log,
            owner=self.folder,
            ready=lambda: log.exists() and log.read_text() != "",
        )

    def run(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        self.supervisor.stop(stage_timeout_s=1)


class ScriptedUnit:
    """A unit that runs until `end`, and counts how often it was seen running since its start."""

    name = "one"

    def __init__(self) -> None:
        self._runs = False
        self.seen_running = 0

    def launch(self) -> None:
        self._runs, self.seen_running = True, 0

    def end(self) -> None:
        self._runs, self.seen_running = False, 0

    def is_running(self) -> bool:
        self.seen_running += self._runs
        return self._runs

    def is_ready(self) -> bool:
        return self._runs

    def is_hung(self) -> bool:
        return False

    def request_stop(self) -> None:
        self.end()

    def stop(self, *, timeout_s: float) -> None:  # noqa: ARG002 - as a unit has it
        self.end()

    def log_end(self) -> str:
        return ""


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    watch = Watch(tmp_path)
    yield watch
    watch.end()


def test_a_stage_is_ready_when_start_returns(watch: Watch) -> None:
    child = watch.child("one", WAITS)
    watch.supervisor.start(child)
    assert child.is_ready()


def test_a_child_that_ends_while_starting_raises_with_its_last_output(watch: Watch) -> None:
    log = watch.folder / "broken.log"
    child = ChildProcess(
        "broken",
        command=[sys.executable, "-c", "raise SystemExit('no such port')"],
        env={},
        log=log,
        owner=watch.folder,
        ready=lambda: False,
    )
    with pytest.raises(ChildFailedError, match=r"(?s)broken ended.*no such port"):
        watch.supervisor.start(child)


def test_a_child_that_dies_is_logged_and_restarted(watch: Watch) -> None:
    child = watch.child("one", WAITS)
    watch.supervisor.start(child)
    (first,) = children_of(watch.folder)
    watch.run()
    first.kill()
    assert wait_until(
        lambda: [p for p in children_of(watch.folder) if p.pid != first.pid] != [],
        timeout_s=60,
    )
    assert watch.reports[0].startswith("one ended; restarting in 0.5 s")


@pytest.mark.parametrize(("settled_after_s", "pauses"), [(60, ["0.5", "1"]), (0, ["0.5", "0.5"])])
def test_a_unit_that_ends_soon_again_is_restarted_after_a_longer_pause(
    tmp_path: Path, settled_after_s: float, pauses: list[str]
) -> None:
    watch, unit = Watch(tmp_path, settled_after_s=settled_after_s), ScriptedUnit()
    try:
        watch.supervisor.start(unit)
        watch.run()
        for ends in (1, 2):
            assert wait_until(lambda: unit.seen_running > 1, timeout_s=20)
            unit.end()
            assert wait_until(lambda: len(watch.reports) >= ends, timeout_s=20)  # noqa: B023 - called at once
    finally:
        watch.end()
    assert watch.reports == [f"one ended; restarting in {pause} s\n" for pause in pauses]


def test_stages_end_in_reverse_order(watch: Watch) -> None:
    script = "import signal, sys, time\n"
    script += "def end(*_): open(sys.argv[1], 'a').write(sys.argv[2]); sys.exit()\n"
    script += "signal.signal(signal.SIGTERM, end); print('up', flush=True); signal.pause()"
    order = watch.folder / "order"
    for name in "abc":
        log = watch.folder / f"{name}.log"
        child = ChildProcess(
            name,
            command=[sys.executable, "-c", script, str(order), name],
            env={},
            log=log,
            owner=watch.folder,
            ready=lambda log=log: log.exists() and log.read_text() != "",  # type: ignore[misc]
        )
        watch.supervisor.start(child)
    watch.supervisor.stop()
    assert order.read_text() == "cba"


def test_a_child_that_will_not_end_is_killed_within_the_bound(watch: Watch) -> None:
    watch.supervisor.start(watch.child("stubborn", STUBBORN))
    started = time.monotonic()
    watch.supervisor.stop(stage_timeout_s=0.5)
    assert time.monotonic() - started < 5
    assert children_of(watch.folder) == []


def test_grandchildren_end_with_the_child(watch: Watch) -> None:
    watch.supervisor.start(watch.child("parent", HAS_A_CHILD))
    grandchild = int((watch.folder / "parent.log").read_text())
    watch.supervisor.stop()
    assert wait_until(lambda: not psutil.pid_exists(grandchild), timeout_s=60)


def kill_an_owner(folder: Path, code: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), code],
        stdout=subprocess.PIPE,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"started\n"
        owner.send_signal(signal.SIGKILL)


def test_children_end_when_their_owner_is_killed(tmp_path: Path) -> None:
    kill_an_owner(tmp_path, WAITS)
    assert wait_until(lambda: children_of(tmp_path) == [], timeout_s=60)


def test_processes_of_a_killed_owner_are_ended_by_the_next(tmp_path: Path) -> None:
    kill_an_owner(tmp_path, STUBBORN)
    assert len(children_of(tmp_path)) == 1
    stop_leftovers(tmp_path, timeout_s=0.2)
    assert children_of(tmp_path) == []


def test_units_run_on_where_housekeeping_fails() -> None:
    stops = threading.Event()
    reports: list[str] = []

    def fill_the_disk() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def report(text: str) -> None:
        reports.append(text)
        stops.set()

    Supervisor(report=report, stopping=stops.is_set, housekeep=fill_the_disk).run()
    assert reports == ["housekeeping failed: [Errno 28] No space left on device"]
