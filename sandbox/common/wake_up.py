"""Wait for news or for a time, whichever comes first."""

from __future__ import annotations

import asyncio


class WakeUp:
    """Lets one task sleep until it is woken, for at most a time.

    A timer and an event, without the task and the exception of ``asyncio.wait_for``: a sender is
    woken several times per request.
    """

    def __init__(self) -> None:
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Ends the current sleep, or the next one at once."""
        self._news.set()

    def clear(self) -> None:
        """Forgets earlier news, before a reading that will find them."""
        self._news.clear()

    async def sleep(self, most_s: float) -> None:
        """Returns once woken, or after a time."""
        timer = asyncio.get_running_loop().call_later(most_s, self._news.set)
        try:
            await self._news.wait()
        finally:
            timer.cancel()
