"""Ask again while a provider is away: for what runs by itself, with nobody waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from domain.gateway.objects import GatewayUnavailable

T = TypeVar("T")

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0


class RetryingCaller:
    """How often a call is tried; being sent away by a rate limit uses up no try."""

    def __init__(self, *, tries: int = 8, sleep: Callable[[float], None] = time.sleep) -> None:
        """Take how often, and what waits."""
        self._tries = tries
        self._sleep = sleep

    def __call__(self, call: Callable[[], T]) -> T:
        """Call; raises what the last try raised, and at once what is final."""
        used = 0
        while True:
            try:
                return call()
            except GatewayUnavailable as error:
                used += error.counted
                if used >= self._tries:
                    raise
                pause_s = min(_FIRST_PAUSE_S * 2.0**used, _LONGEST_PAUSE_S)
                self._sleep(error.retry_after_s or pause_s)


# Lists of a provider's history, a page at a time.


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """A page of a list, newest first. `last`: whom the next page comes after; None: none does."""

    items: list[T]
    last: str | None


@dataclass(frozen=True, kw_only=True)
class Span:
    """From `start` on, up to before `end`: Unix seconds by the provider's clock."""

    start: int
    end: int
