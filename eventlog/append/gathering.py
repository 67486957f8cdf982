"""Wait a moment for appends that can share a commit."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

_REMEMBERED: Final = 16
_LONGEST_PAUSES: Final = 3
# So many share the costs of a commit well enough. With more callers than that, the process serves
# the others during the commit instead of waiting for them.
_ENOUGH: Final = 8


class Gathering:
    """Holds a batch back while more appends come, where batches of several are usual.

    Callers that were answered by one commit come back one after the other: the first would commit
    alone, and the others wait for its end. A caller that is alone never waits: as long as no two
    appends shared one of the last commits, nothing is held back. Nor is a batch of eight.
    """

    def __init__(self, *, pause_s: float) -> None:
        """Wait at most `pause_s` for one more append, and three times that in all."""
        self._pause_s = pause_s
        self._sizes: deque[int] = deque(maxlen=_REMEMBERED)
        self._wanted = 1
        self._waiter: asyncio.Future[None] | None = None

    def note(self, size: int) -> None:
        """Record the number of appends of a batch."""
        self._sizes.append(size)
        self._wanted = min(max(self._sizes), _ENOUGH)

    def arrived(self, queued: int) -> None:
        """End the wait once as many are queued as in the largest of the last batches, or eight."""
        if self._waiter is not None and queued >= self._wanted:
            _end(self._waiter)

    async def wait(self, queued: Callable[[], int]) -> None:
        """Return when enough appends are queued, or no more came for a moment."""
        if self._pause_s <= 0:
            return
        loop = asyncio.get_running_loop()
        for _ in range(_LONGEST_PAUSES):
            before = queued()
            if not 0 < before < self._wanted:
                return
            self._waiter = waiter = loop.create_future()
            timer = loop.call_later(self._pause_s, _end, waiter)
            try:
                await waiter
            finally:
                timer.cancel()
                self._waiter = None
            if queued() == before:
                return


def _end(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
