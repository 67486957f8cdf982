"""Threads that wait for work on a loop."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import TypeVar

from eventlog.errors import LogClosed

T = TypeVar("T")

_LAST_WORK_S = 5.0


class Bridge:
    """Runs coroutines on a loop for waiting threads; closing it ends every wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._submitting = threading.Lock()
        self._closed = False
        self._waited_for: set[asyncio.Task[object]] = set()

    @property
    def is_closed(self) -> bool:
        """Return whether it takes no more work."""
        return self._closed

    def wait(self, work: Coroutine[object, object, T]) -> T:
        """Block the thread until the work is done. Raises LogClosed."""
        if _running_loop() is self._loop:
            work.close()
            raise RuntimeError("on the log's own loop, await the method's _async twin")
        with self._submitting:
            if self._closed:
                work.close()
                raise LogClosed("the event log is closed")
            waiting = asyncio.run_coroutine_threadsafe(self._counted(work), self._loop)
        try:
            return waiting.result()
        except concurrent.futures.CancelledError:
            raise LogClosed("the event log is closed") from None

    def close(self) -> bool:
        """Reject further work; return False if it was closed already."""
        with self._submitting:
            was_open, self._closed = not self._closed, True
        return was_open

    async def finish(self) -> None:
        """Wait for running coroutines to end; called on the loop, after `close`."""
        if self._waited_for:
            _, unfinished = await asyncio.wait(self._waited_for, timeout=_LAST_WORK_S)
            for task in unfinished:
                task.cancel()

    async def _counted(self, work: Coroutine[object, object, T]) -> T:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine on a loop runs in a task
        self._waited_for.add(task)
        try:
            return await work
        finally:
            self._waited_for.discard(task)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
