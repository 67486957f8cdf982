"""Retry provider calls in commands and imports, where no work table postpones the work."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from domain.gateway.errors import GatewayUnavailable
from eventlog.process.backoff import backoff_s

T = TypeVar("T")

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0


class RetryingCaller:
    """Call a provider, and retry while it is unavailable; a rate limit uses up no try."""

    def __init__(self, *, tries: int = 8, sleep: Callable[[float], None] = time.sleep) -> None:
        """Take the number of counted tries and the function that sleeps."""
        self._tries = tries
        self._sleep = sleep

    def __call__(self, call: Callable[[], T]) -> T:
        """Return the call's result; raise the last try's error, and a final error at once."""
        used = 0
        while True:
            try:
                return call()
            except GatewayUnavailable as error:
                used += error.counted
                if used >= self._tries:
                    raise
                pause_s = backoff_s(used, first_s=_FIRST_PAUSE_S, longest_s=_LONGEST_PAUSE_S)
                self._sleep(error.retry_after_s or pause_s)


# Pages of a provider's lists.


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """A page of a list, newest first. `last`: the id that the next page starts after, or None."""

    items: list[T]
    last: str | None


@dataclass(frozen=True, kw_only=True)
class Span:
    """A half-open time range, `start` <= t < `end`: Unix seconds by the provider's clock."""

    start: int
    end: int
