"""The HTTP server, without the ten checks a second of uvicorn's own."""

import asyncio
from types import FrameType
from typing import Final

import uvicorn

_DATE_S: Final = 1.0


class QuietServer(uvicorn.Server):
    """A server that wakes when it has to stop, and once a second for the responses' date.

    uvicorn's own looks ten times a second whether a signal came, which is most of the processor
    time of an idle API.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        """Store how to serve."""
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()

    async def main_loop(self) -> None:
        """Serve until a signal."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):  # 0: set the date, which uvicorn does each tenth time
            timer = self._loop.call_later(_DATE_S, self._woken.set)
            await self._woken.wait()
            timer.cancel()
            self._woken.clear()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop the server; called for signals."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._woken.set)
