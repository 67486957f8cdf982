"""Waiting until what readers see has reached a position."""

import asyncio
from dataclasses import dataclass
from typing import Final

from eventlog.database import connect_async
from eventlog.leader import keep_trying
from eventlog.listen import Listener
from projections.generations import Connection

_POLL_S: Final = 1.0


@dataclass(frozen=True, eq=False)
class _Waiter:
    projection: str
    position: int
    reached: asyncio.Future[None]


class Bell:
    """Wakes readers when a projection has committed what they wait for.

    One session a process, opened at the first wait. The database rings it at each commit of a
    projection, and it asks once a second for what it may have missed.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._reached: dict[str, int] = {}
        self._waiters: set[_Waiter] = set()
        self._stop = asyncio.Event()
        self._listening: asyncio.Future[None] | None = None

    async def wait(self, projection: str, position: int, *, timeout_s: float) -> bool:
        """Tell whether the projection reached the position before the time was over."""
        if self._reached.get(projection, -1) >= position:
            return True
        if self._stop.is_set():
            return False
        if self._listening is None or self._listening.done():
            self._listening = asyncio.ensure_future(
                keep_trying(self._listen, name="bell", stop=self._stop)
            )
        waiter = _Waiter(projection, position, asyncio.get_running_loop().create_future())
        self._waiters.add(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter.reached
        except TimeoutError:
            return False
        finally:
            self._waiters.discard(waiter)
        return True

    async def close(self) -> None:
        """Stop listening; whoever still waits runs into its time-out."""
        self._stop.set()
        if self._listening is not None:
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self) -> None:
        connection = await connect_async(self._dsn, application_name="billhook bell")
        listener = Listener(connection)
        stopping = asyncio.ensure_future(self._stop.wait())
        stopping.add_done_callback(lambda _: listener.wake())
        try:
            await connection.execute("LISTEN billhook_positions")
            while not self._stop.is_set():
                await self._ask(connection)
                await listener.wait(timeout_s=_POLL_S)
        finally:
            stopping.cancel()
            await connection.close()

    async def _ask(self, connection: Connection) -> None:
        cursor = await connection.execute("SELECT projection, position FROM read.positions")
        self._reached = dict(await cursor.fetchall())
        for waiter in self._waiters:
            reached = self._reached.get(waiter.projection, -1) >= waiter.position
            if reached and not waiter.reached.done():
                waiter.reached.set_result(None)
