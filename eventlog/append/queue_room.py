"""Limit how many appends of a process wait for their answers."""

import asyncio
from collections import deque

from eventlog.errors import LogUnavailable


class QueueRoom:
    """Counts appends that are not answered, up to `most`; others wait for their turn, in order."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._waiters: deque[asyncio.Future[None]] = deque()

    def try_enter(self) -> bool:
        """Count an append; return False, and count nothing, if there is no room."""
        if self._taken >= self._most:
            return False
        self._taken += 1
        return True

    async def enter(self, deadline_s: float) -> None:
        """Count an append once there is room. Raises LogUnavailable at the deadline."""
        if not self.try_enter():
            await self._wait(deadline_s)
            self._taken += 1

    def leave(self) -> None:
        """End the count of an append that is answered, and admit the next one."""
        self._taken -= 1
        if self._waiters:
            self._admit_next()

    async def _wait(self, deadline_s: float) -> None:
        try:
            async with asyncio.timeout_at(deadline_s):
                while self._taken >= self._most:
                    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    self._waiters.append(waiter)
                    await waiter
        except TimeoutError:
            self._admit_next()  # in place of this one, if it was admitted at this very moment
            raise LogUnavailable("its queue is full") from None
        except asyncio.CancelledError:
            self._admit_next()
            raise

    def _admit_next(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
