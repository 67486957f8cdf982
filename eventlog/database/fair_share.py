"""Share the sessions of a pool, so that no caller can hold all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

session_holder: Final[ContextVar[Hashable | None]] = ContextVar("session_holder", default=None)
"""The caller whose queries the current task runs; None for the process's own tasks."""


@dataclass(slots=True)
class _Gate:
    free: asyncio.Semaphore
    users: int = 0


class FairShare:
    """Limits how many sessions of a pool the queries of one `session_holder` use at once.

    The others of that holder wait here and not in the pool's queue, where they would delay the
    queries of all. A task without a holder is not limited.
    """

    def __init__(self, *, sessions: int) -> None:
        self._most = max(sessions // 2, 1)
        self._gates: dict[Hashable, _Gate] = {}

    @asynccontextmanager
    async def hold(self, *, timeout_s: float) -> AsyncIterator[None]:
        """Wait until the holder may use a session, and count it. Raises TimeoutError."""
        holder = session_holder.get()
        if holder is None:
            yield
            return
        gate = self._gates.setdefault(holder, _Gate(asyncio.Semaphore(self._most)))
        gate.users += 1
        try:
            async with asyncio.timeout(timeout_s):
                await gate.free.acquire()
            try:
                yield
            finally:
                gate.free.release()
        finally:
            gate.users -= 1
            if gate.users == 0:
                del self._gates[holder]
