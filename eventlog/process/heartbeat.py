"""Touch a file as the heartbeat of a process without a port.

`python -m eventlog.process.heartbeat FILE` ends with 0 while the file was touched lately, else
with 1.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

BEAT_S = 2.0
SILENT_S = 15.0


def is_alive(file: Path) -> bool:
    """Return whether the process behind the file has said so lately."""
    try:
        return time.time() - file.stat().st_mtime < SILENT_S
    except FileNotFoundError:
        return False


async def beat(file: Path | None, *, stop: asyncio.Event) -> None:
    """Touch the file from the loop that does the work, until `stop`; None says nothing."""
    while not stop.is_set():
        if file is not None:
            file.touch()  # noqa: ASYNC240 - a thread would prove only that threads run
        try:
            async with asyncio.timeout(BEAT_S):
                await stop.wait()
        except TimeoutError:
            continue


def beat_until(stop: threading.Event, file: Path | None, *, also: Callable[[], None]) -> None:
    """Do the same in a thread, call `also` at each beat, and return when `stop` is set."""
    while not stop.is_set():
        if file is not None:
            file.touch()
        also()
        stop.wait(BEAT_S)


if __name__ == "__main__":
    sys.exit(0 if is_alive(Path(sys.argv[1])) else 1)
