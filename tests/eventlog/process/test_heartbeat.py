"""A process that lives says so; one that does not, does not."""

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

from eventlog.process.heartbeat import SILENT_S, beat, beat_until, is_alive


def exit_code(file: Path) -> int:
    command = [sys.executable, "-m", "eventlog.process.heartbeat", str(file)]
    return subprocess.run(command, check=False).returncode


def test_a_beating_loop_is_alive(tmp_path: Path) -> None:
    async def scenario() -> None:
        stop = asyncio.Event()
        beating = asyncio.create_task(beat(tmp_path / "alive", stop=stop))
        await asyncio.sleep(0)
        assert is_alive(tmp_path / "alive")
        stop.set()
        await beating

    asyncio.run(scenario())


def test_a_thread_beats_until_it_is_stopped(tmp_path: Path) -> None:
    class StopsAfterOneBeat(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 - inherited
            self.set()
            return True

    beats: list[int] = []
    beat_until(StopsAfterOneBeat(), tmp_path / "alive", also=lambda: beats.append(1))

    assert is_alive(tmp_path / "alive")
    assert beats == [1]


def test_no_file_and_an_old_file_are_no_life(tmp_path: Path) -> None:
    file = tmp_path / "alive"
    assert exit_code(file) == 1
    file.touch()
    assert exit_code(file) == 0
    past = file.stat().st_mtime - SILENT_S - 1
    os.utime(file, (past, past))
    assert exit_code(file) == 1
