"""The result of the last provider call of each thread: whether the provider answered at all.

Errors do not tell: a job may catch one and go on, or fail for another reason afterwards.
"""

from __future__ import annotations

import threading
from typing import Final

_results: Final = threading.local()


def start_job() -> None:
    """Mark the start of a job in this thread: no call was made yet."""
    _results.answered = None


def record(*, answered: bool) -> None:
    """Record a call of this thread; `answered` is False after a time-out or a lost connection."""
    _results.answered = answered


def last_answered() -> bool | None:
    """Return whether the job's last call was answered; None if it made no call."""
    answered: bool | None = getattr(_results, "answered", None)
    return answered
