import os
import sys
from pathlib import Path
from threading import Event

from cli.local.liveness import Liveness, answer_probe, heartbeat_probe
from cli.local.logs import rotate_logs
from cli.local.process import wait_until
from cli.local.supervisor import ChildProcess
from tests.cli.local.test_supervisor import WAITS, Watch
from tests.support.processes import children_of
from tests.support.wait_until import DEADLINE_S


def test_logs_are_rotated_by_size_and_few_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    with log.open("ab", buffering=0) as writer:
        for number in range(5):
            writer.write(f"{number}".encode() * 11)
            rotate_logs(tmp_path, largest_bytes=10, kept=2)
        writer.write(b"next")
    assert log.read_text() == "next"
    assert (tmp_path / "api.log.1").read_text() == "4" * 11
    assert (tmp_path / "api.log.2").read_text() == "3" * 11
    assert len(list(tmp_path.iterdir())) == 3


class Beating:
    """A process with a heartbeat file, and a clock."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "beat"
        self._now_s = 0.0
        self.liveness = Liveness(heartbeat_probe(self._file), clock=lambda: self._now_s)

    def beat(self) -> None:
        self._file.touch()
        os.utime(self._file, ns=(0, int(self._now_s * 1e9) + 1))

    def is_hung_after(self, seconds: float) -> bool:
        self._now_s += seconds
        return self.liveness.is_hung()


def test_a_process_that_was_alive_hangs_after_20_s_without_a_sign_of_life(tmp_path: Path) -> None:
    process = Beating(tmp_path)
    for _ in range(10):
        process.beat()
        assert not process.is_hung_after(19)

    assert not process.is_hung_after(19)
    assert process.is_hung_after(2)


def test_a_process_that_starts_has_two_minutes_for_its_first_sign_of_life(tmp_path: Path) -> None:
    process = Beating(tmp_path)
    assert not process.is_hung_after(119)
    assert process.is_hung_after(2)

    process.liveness.reset()
    assert not process.is_hung_after(119)
    process.beat()
    assert not process.is_hung_after(4)
    assert process.is_hung_after(21)


def test_a_process_that_hangs_right_after_its_first_sign_of_life_has_started(
    tmp_path: Path,
) -> None:
    process = Beating(tmp_path)
    process.beat()
    assert not process.is_hung_after(1)
    assert process.is_hung_after(21)


def test_what_an_earlier_process_left_is_no_sign_of_life(tmp_path: Path) -> None:
    process = Beating(tmp_path)
    process.beat()
    assert not process.is_hung_after(4)
    process.beat()

    process.liveness.reset()

    assert not process.is_hung_after(100)


def test_a_late_response_is_a_sign_of_life() -> None:
    answer, waited_s = Event(), []

    def responds(wait_s: float) -> bool:
        waited_s.append(wait_s)
        return answer.wait(DEADLINE_S)

    last_answer = answer_probe(responds)
    first = [last_answer() for _ in range(3)]
    assert first == [first[0]] * 3
    assert len(waited_s) == 1
    answer.set()
    assert wait_until(lambda: last_answer() != first[0], timeout_s=DEADLINE_S)
    assert set(waited_s) == {20}  # as long as a process may be silent


def test_a_process_that_hangs_is_killed_and_started_again(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    log = tmp_path / "child.log"
    child = ChildProcess(
        "child",
        command=[sys.executable, "-c", WAITS],
        env={},
        log=log,
        owner=tmp_path,
        ready=lambda: log.read_text() != "",
        liveness=Liveness(heartbeat_probe(tmp_path / "beat"), starting_s=0),
    )
    watch.supervisor.start(child)
    (first,) = children_of(tmp_path)
    first.suspend()
    watch.run()
    try:
        assert wait_until(lambda: not first.is_running(), timeout_s=DEADLINE_S)
        assert wait_until(lambda: len(watch.reports) > 1, timeout_s=DEADLINE_S)
    finally:
        watch.end()
    assert watch.reports[0] == "child hangs; it is killed"
    assert watch.reports[1].startswith("child ended; restarting")
