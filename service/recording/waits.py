import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Waits:
    """The waits in progress, so that a service that stops can end them at once."""

    def __init__(self) -> None:
        self._open: set[asyncio.Timeout] = set()
        self._is_stopped = False

    @asynccontextmanager
    async def wait(self, seconds: float) -> AsyncIterator[None]:
        """Raise TimeoutError in the block after `seconds`, or when all waits end."""
        async with asyncio.timeout(0 if self._is_stopped else seconds) as timeout:
            self._open.add(timeout)
            try:
                yield
            finally:
                self._open.discard(timeout)

    def end_all(self) -> None:
        """End current and future waits; call it on the loop's thread only."""
        self._is_stopped = True
        now_s = asyncio.get_running_loop().time()
        for timeout in self._open:
            timeout.reschedule(now_s)
