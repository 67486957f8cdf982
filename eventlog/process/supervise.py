"""Supervise background tasks: a task that ends on its own ends its process."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final

from eventlog.process.describe_error import describe

_log: Final = logging.getLogger(__name__)


def end_process() -> None:
    """Send this process SIGTERM, as its supervisor would; the supervisor starts another."""
    os.kill(os.getpid(), signal.SIGTERM)


def supervise(
    work: Coroutine[Any, Any, object],
    *,
    name: str,
    is_expected: Callable[[], bool] = lambda: False,
    on_end: Callable[[], None] = end_process,
) -> asyncio.Task[object]:
    """Start a task that must not end by itself; `on_end` is called if it does.

    A task that is cancelled, or that ends while `is_expected()`, was ended on purpose. Without
    this, a task that raises is noticed by nobody while the process looks healthy.
    """
    task = asyncio.create_task(work, name=name)

    def ended(task: asyncio.Task[object]) -> None:
        if task.cancelled() or (is_expected() and task.exception() is None):
            return
        error = task.exception()
        reason = "it returned" if not isinstance(error, Exception) else describe(error)
        _log.critical("background task %s ended: %s; the process stops", name, reason)
        on_end()

    task.add_done_callback(ended)
    return task
