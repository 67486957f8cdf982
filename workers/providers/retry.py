"""Retry provider calls in commands and imports, where no work table postpones the work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, Generic, TypeVar

import structlog

from domain.gateway.errors import GatewayUnavailable, ProviderObjectUnreadable
from eventlog.process.backoff import backoff_s

T = TypeVar("T")
U = TypeVar("U")

_log = structlog.get_logger("billhook.history")

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0


class RetryingCaller:
    """Call a provider, and retry while it is unavailable; a rate limit uses up no try."""

    def __init__(
        self,
        *,
        tries: int = 8,
        longest_wait_s: float = inf,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Set the number of counted tries and the function that sleeps.

        `longest_wait_s`: an error whose Retry-After is longer is raised at once.
        """
        self._tries = tries
        self._longest_wait_s = longest_wait_s
        self._sleep = sleep

    def __call__(self, call: Callable[[], T]) -> T:
        """Return the call's result; raise the last try's error.

        A final error and an unreadable object are raised at once.
        """
        used = 0
        while True:
            try:
                return call()
            except ProviderObjectUnreadable:
                raise
            except GatewayUnavailable as error:
                used += error.counted
                if used >= self._tries or (error.retry_after_s or 0.0) > self._longest_wait_s:
                    raise
                pause_s = backoff_s(used, first_s=_FIRST_PAUSE_S, longest_s=_LONGEST_PAUSE_S)
                self._sleep(error.retry_after_s or pause_s)


# Pages of a provider's lists.


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """A page of a list, newest first. `last`: the id that the next page starts after, or None.

    `unreadable`: number of the page's objects that no reader accepts; they are not in `items`.
    """

    items: list[T]
    last: str | None
    unreadable: int = 0


def read_readable(found: Iterable[U], read: Callable[[U], T]) -> Iterator[T]:
    """Read listed objects; log the unreadable ones and leave them out."""
    for data in found:
        try:
            item = read(data)
        except ProviderObjectUnreadable as error:
            _log.warning("history.unreadable", path=error.path)
        else:
            yield item


def read_page(found: Sequence[U], read: Callable[[U], T], *, last: str | None) -> Page[T]:
    """Read the objects of a page; log and count the unreadable ones."""
    items = list(read_readable(found, read))
    return Page(items=items, last=last, unreadable=len(found) - len(items))


@dataclass(frozen=True, kw_only=True)
class Span:
    """A half-open time range, `start` <= t < `end`: Unix seconds by the provider's clock."""

    start: int
    end: int
