"""Exponential back-off, one function for every retry loop."""

from __future__ import annotations

_MAX_DOUBLINGS = 16


def backoff_s(failures: int, *, first_s: float, longest_s: float) -> float:
    """Return the pause after `failures` failures: `first_s` doubled each time, up to `longest_s`.

    The pause after no failure is `first_s`.
    """
    return min(first_s * 2.0 ** min(failures, _MAX_DOUBLINGS), longest_s)
