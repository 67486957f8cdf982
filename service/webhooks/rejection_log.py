"""What the inbox refused, for operators: noted at once, written down a moment later.

Whoever knows a webhook's URL can send what is refused, as much as they like. So nothing of it is in
a log, nothing of what they sent is kept but its hash and size, and writing it down holds up nobody:
of each connection at most as many are waiting to be written as are kept.
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
    """Keeps what was refused until it is written down; what is too much is dropped."""

    def __init__(self, book: RejectedDeliveries, *, pause_s: float = _PAUSE_S) -> None:
        self._book = book
        self._pause_s = pause_s
        self._waiting: dict[UUID, deque[RejectedDelivery]] = _queues()
        self._noted = asyncio.Event()

    def note(self, refused: RejectedDelivery) -> None:
        """Take one in; of a connection's, the newest stay."""
        self._noted.set()
        queue = self._waiting[refused.connection_id]
        if len(queue) == KEPT or sum(map(len, self._waiting.values())) < _MOST_WAITING:
            queue.append(refused)

    async def keep_writing(self) -> None:
        """Write down what is noted, a batch at a time, until cancelled."""
        while True:
            await self._noted.wait()
            await asyncio.sleep(self._pause_s)
            await self.write()

    async def write(self) -> None:
        """Write down what is waiting; what the database does not take waits on."""
        self._noted.clear()
        taken, self._waiting = self._waiting, _queues()
        batch = [refused for queue in taken.values() for refused in queue]
        if not batch:
            return
        try:
            await self._book.add(batch)
        except ReadModelUnavailable as error:
            _log.warning("refused_deliveries.not_written", count=len(batch), error=str(error))
            newer, self._waiting = self._waiting, taken
            for refused in (one for queue in newer.values() for one in queue):
                self.note(refused)
            self._noted.set()

    async def close(self, writing: asyncio.Task[object]) -> None:
        """End `keep_writing`; what is still waiting is written."""
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writing
        await self.write()


def _queues() -> dict[UUID, deque[RejectedDelivery]]:
    return defaultdict(lambda: deque(maxlen=KEPT))
