import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Waits:
    """Who waits for something now, so that a service that stops can answer them at once."""

    def __init__(self) -> None:
        self._open: set[asyncio.Timeout] = set()
        self._ended = False

    @asynccontextmanager
    async def wait(self, seconds: float) -> AsyncIterator[None]:
        """Raise TimeoutError in the block after so many seconds, or when all waits end."""
        async with asyncio.timeout(0 if self._ended else seconds) as timeout:
            self._open.add(timeout)
            try:
                yield
            finally:
                self._open.discard(timeout)

    def end_all(self) -> None:
        """End the waits that are and those to come; the loop's own thread alone may call it."""
        self._ended = True
        now_s = asyncio.get_running_loop().time()
        for timeout in self._open:
            timeout.reschedule(now_s)
