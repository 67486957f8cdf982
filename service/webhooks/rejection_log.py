"""Record rejected deliveries for operators, in batches.

Everybody who knows a webhook's URL can send any number of such deliveries. They are therefore not
logged, only the hash and size of their bodies are stored, and the queue is bounded per connection.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from typing import Final
from uuid import UUID

import structlog

from projections.engine.errors import ReadModelUnavailable
from projections.inbox.rejected import KEPT, RejectedDeliveries, RejectedDelivery

_log = structlog.get_logger("billhook.service")

_PAUSE_S: Final = 0.5
_MOST_WAITING: Final = 10 * KEPT


class RejectionLog:
    """Queue of rejected deliveries until they are written; those over its limit are dropped."""

    def __init__(self, book: RejectedDeliveries, *, pause_s: float = _PAUSE_S) -> None:
        self._book = book
        self._pause_s = pause_s
        self._waiting: dict[UUID, deque[RejectedDelivery]] = _queues()
        self._added = asyncio.Event()

    def add(self, rejected: RejectedDelivery) -> None:
        """Queue a rejected delivery; each connection keeps its newest ones."""
        self._added.set()
        queue = self._waiting[rejected.connection_id]
        if len(queue) == KEPT or sum(map(len, self._waiting.values())) < _MOST_WAITING:
            queue.append(rejected)

    async def keep_writing(self) -> None:
        """Write queued deliveries in batches, until cancelled."""
        while True:
            await self._added.wait()
            await asyncio.sleep(self._pause_s)
            await self.write()

    async def write(self) -> None:
        """Write the queue; keep it if the database is unavailable."""
        self._added.clear()
        taken, self._waiting = self._waiting, _queues()
        batch = [rejected for queue in taken.values() for rejected in queue]
        if not batch:
            return
        try:
            await self._book.add(batch)
        except ReadModelUnavailable as error:
            _log.warning("rejected_deliveries.not_written", count=len(batch), error=str(error))
            newer, self._waiting = self._waiting, taken
            for rejected in (one for queue in newer.values() for one in queue):
                self.add(rejected)
            self._added.set()

    async def close(self, task: asyncio.Task[object]) -> None:
        """End `keep_writing` and write the rest of the queue."""
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await self.write()


def _queues() -> dict[UUID, deque[RejectedDelivery]]:
    return defaultdict(lambda: deque(maxlen=KEPT))
