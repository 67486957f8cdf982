"""Calls of reconciliation: nobody waits for them, so they get a fifth of a connection's rate."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

SHARE: Final = 5
_local: Final = threading.local()


@contextmanager
def reconciliation_budget(*, applies: bool = True) -> Iterator[None]:
    """Count this thread's provider calls against the budget of reconciliation meanwhile."""
    before = is_budgeted()
    _local.applies = applies
    try:
        yield
    finally:
        _local.applies = before


def is_budgeted() -> bool:
    """Return whether this thread's provider calls count against the budget."""
    applies: bool = getattr(_local, "applies", False)
    return applies


def with_budget(per_second: Mapping[str, int]) -> dict[str, int]:
    """Put the budget's rates before the given ones, all in calls per second; 0 is no limit."""
    limited = {name: calls for name, calls in per_second.items() if calls}
    budget = {f"{name}:reconcile": max(calls // SHARE, 1) for name, calls in limited.items()}
    return {**budget, **per_second}


def pause_s(per_second: Mapping[str, int]) -> float:
    """Return the pause between calls that keeps to the lowest of the given rates."""
    return max((1 / calls for calls in per_second.values() if calls), default=0.0)
