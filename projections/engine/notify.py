"""Waiting until what readers see has reached a position, or has something new of an app."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

from eventlog.database.connect import connect_async
from eventlog.follow.leader import Connection, retry_lost_connections
from eventlog.follow.listen import HURRY_CHANNEL, Listener
from eventlog.process.supervise import supervise

_POLL_S: Final = 1.0
# While nobody waits, positions are read this often and not at each commit.
_UNHEARD_PAUSE_S: Final = 0.25
# While projections are busy, they are read once in so long, not at each commit.
_BETWEEN_READS_S: Final = 0.005
# Who has waited so long waits for events that followers defer: they are asked to hurry.
_HURRY_AFTER_S: Final = 0.1


# One probe of an index for each app that is waited for, however many events there were.
_CHANGED: Final = (
    "SELECT wanted.number FROM unnest(%s::uuid[], %s::bigint[])"
    " WITH ORDINALITY AS wanted (app_id, after_position, number)"
    " WHERE EXISTS (SELECT FROM read.timeline AS entry"
    " WHERE entry.app_id = wanted.app_id AND entry.position > wanted.after_position)"
)
_HURRY: Final = "SELECT pg_notify(%s, projection) FROM unnest(%s::text[]) AS projection"


@dataclass(frozen=True, eq=False)
class _Waiter:
    projection: str
    position: int
    reached: asyncio.Future[None]


@dataclass(frozen=True, eq=False)
class _AppWaiter:
    app_id: UUID
    after_position: int
    reached: asyncio.Future[None]


AnyWaiter = TypeVar("AnyWaiter", _Waiter, _AppWaiter)


class ReadModelNotifier:
    """Wakes readers when a projection has committed what they wait for.

    One session a process, opened at the first wait. The database notifies it of the position at
    each commit of a projection, and it asks once a second for what it may have missed.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._reached: dict[str, int] = {}
        self._waiters: set[_Waiter] = set()
        self._app_waiters: set[_AppWaiter] = set()
        self._listener: Listener | None = None
        self._hurried: set[str] = set()
        self._is_current = False
        """Whether each notification is read as it comes, so that no position is missing."""
        self._stop = asyncio.Event()
        self._listening: asyncio.Future[object] | None = None

    async def wait(self, projection: str, position: int, *, timeout_s: float) -> bool:
        """Return whether the projection reached the position before the time was over."""
        if self._reached.get(projection, -1) >= position:
            return True
        if self._stop.is_set():
            return False
        self._listen_from_now_on()
        if not self._is_current:
            self._wake()
        loop = asyncio.get_running_loop()
        waiter = _Waiter(projection, position, loop.create_future())
        hurry = loop.call_later(_HURRY_AFTER_S, self._hurry, projection)
        try:
            return await _reached(waiter, self._waiters, timeout_s=timeout_s)
        finally:
            hurry.cancel()

    async def wait_for_app(self, app_id: UUID, after_position: int, *, timeout_s: float) -> bool:
        """Return whether readers saw something of an app behind a position before time was over."""
        if self._stop.is_set():
            return False
        self._listen_from_now_on()
        self._wake()
        waiter = _AppWaiter(app_id, after_position, asyncio.get_running_loop().create_future())
        return await _reached(waiter, self._app_waiters, timeout_s=timeout_s)

    def _wake(self) -> None:
        """Read positions at once: what a new waiter waits for may be there already."""
        if self._listener is not None:
            self._listener.wake()

    def _hurry(self, projection: str) -> None:
        """Ask a projection's follower to handle what it defers."""
        self._hurried.add(projection)
        self._wake()

    def _listen_from_now_on(self) -> None:
        if self._listening is None or self._listening.done():
            self._listening = supervise(
                retry_lost_connections(self._listen, name="notifier", stop=self._stop),
                name="read model notifier",
                is_expected=self._stop.is_set,
            )

    async def close(self) -> None:
        """Stop listening; whoever still waits runs into its time-out."""
        self._stop.set()
        if self._listening is not None:
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self) -> None:
        connection = await connect_async(
            self._dsn, application_name="billhook notifier", settings={"enable_seqscan": "off"}
        )
        self._listener = listener = Listener(connection)
        stopping = asyncio.ensure_future(self._stop.wait())
        stopping.add_done_callback(lambda _: listener.wake())
        try:
            await connection.execute("LISTEN billhook_positions")
            while not self._stop.is_set():
                read_at_s = asyncio.get_running_loop().time()
                await self._read_positions(connection)
                if not (self._waiters or self._app_waiters):
                    await listener.rest(_UNHEARD_PAUSE_S)
                    continue
                self._is_current = True
                try:
                    await listener.wait(
                        timeout_s=_POLL_S, wanted=self._take_notification, unwanted_s=_POLL_S
                    )
                finally:
                    self._is_current = False
                await listener.rest_until(read_at_s + _BETWEEN_READS_S)
        finally:
            self._listener = None
            stopping.cancel()
            await connection.close()

    async def _read_positions(self, connection: Connection) -> None:
        if self._hurried:
            hurried, self._hurried = list(self._hurried), set()
            await connection.execute(_HURRY, [HURRY_CHANNEL, hurried])
        cursor = await connection.execute("SELECT projection, position FROM read.positions")
        self._reached = dict(await cursor.fetchall())
        self._wake_waiters()
        if self._app_waiters:
            await self._wake_app_waiters(connection, list(self._app_waiters))

    def _take_notification(self, payload: str) -> bool:
        """Note the position that a projection committed; return whether more is to be read."""
        projection, _, position = payload.rpartition(" ")
        self._reached[projection] = max(self._reached.get(projection, 0), int(position))
        self._wake_waiters()
        return bool(self._app_waiters)

    def _wake_waiters(self) -> None:
        for waiter in self._waiters:
            if self._reached.get(waiter.projection, -1) >= waiter.position:
                _resolve(waiter.reached)

    async def _wake_app_waiters(
        self, connection: Connection, waiters: Sequence[_AppWaiter]
    ) -> None:
        parameters = [[w.app_id for w in waiters], [w.after_position for w in waiters]]
        cursor = await connection.execute(_CHANGED, parameters)
        for (number,) in await cursor.fetchall():
            _resolve(waiters[number - 1].reached)


async def _reached(waiter: AnyWaiter, waiters: set[AnyWaiter], *, timeout_s: float) -> bool:
    waiters.add(waiter)
    try:
        async with asyncio.timeout(timeout_s):
            await waiter.reached
    except TimeoutError:
        return False
    finally:
        waiters.discard(waiter)
    return True


def _resolve(reached: asyncio.Future[None]) -> None:
    if not reached.done():
        reached.set_result(None)
