"""Hearing of new events in every process: one query per commit however many wait.

While nobody waits, only the position of the newest event is read, a few times a second while the
log grows.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Collection
from typing import Self
from uuid import UUID

from eventlog.database.connect import connect_async, pool
from eventlog.follow.leader import HEARTBEAT_S, LOST_CONNECTION, Connection, retry_lost_connections
from eventlog.follow.listen import Listener, topics_in
from eventlog.follow.waiter import EventHeader, Waiter
from eventlog.process.supervise import supervise
from eventlog.reading import RecordedEvent

__all__ = ["EventHeader", "Tail"]

_log = logging.getLogger(__name__)

_WINDOW_LENGTH = 20_000
_QUERY_LIMIT = 5_000
_LOOK_BACK_PAUSE_S = 0.2
# The server ends a statement after 10 s.
_SILENCE_S = 15.0
# Short, so that whoever comes then has little to catch up with.
_UNHEARD_PAUSE_S = 0.25
# A log that did not grow meanwhile is read after its next commit, or after so long.
_QUIET_PAUSE_S = 5.0
# A busy log is read once in so long, not at each of its commits.
_BETWEEN_READS_S = 0.005

# With the data of streams that are waited for: their readers need not read them again.
_NEWER = (
    "SELECT position, originator_id, topic, originator_version,"
    " CASE WHEN originator_id = ANY(%s::uuid[]) THEN state END"
    " FROM eventlog.events WHERE position > %s ORDER BY position LIMIT %s"
)
# Behind a known position, so that the partitions before it are left out.
_HEAD = (
    "SELECT coalesce(max(position), %(known)s::bigint) FROM eventlog.events"
    " WHERE position > %(known)s"
)
_EARLIER = (
    "SELECT position FROM eventlog.events WHERE originator_id = %s AND position > %s"
    " AND topic = ANY(%s) ORDER BY position LIMIT 1"
)


class Tail:
    """Follows the log's end; no leader, no position of its own, every process has one.

    A lost connection is replaced, and what was appended meanwhile is reported then.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._position: int | None = None
        self._window_start = 0
        self._window: deque[EventHeader] = deque()
        self._by_stream: defaultdict[UUID, deque[EventHeader]] = defaultdict(deque)
        self._waiters: defaultdict[UUID, set[Waiter]] = defaultdict(set)
        self._subscribers: list[Callable[[EventHeader], None]] = []
        self._listener: Listener | None = None
        self._is_resting = False
        self._skipped: set[str] = set()
        """Topics of notifications that nobody waited for, since the last read."""
        self._stop = asyncio.Event()
        self._connected = False
        self._ready = asyncio.Event()
        self._running: asyncio.Task[object] | None = None
        self._lookups = pool(dsn, application_name="billhook tail lookup", min_size=0, max_size=2)

    async def open(self) -> Self:
        """Start on the running loop; does not wait for the database."""
        await self._lookups.open(wait=False)
        self._running = supervise(
            retry_lost_connections(self._listen, name="the log's tail", stop=self._stop),
            name="tail",
            is_expected=self._stop.is_set,
        )
        return self

    async def close(self) -> None:
        """Stop hearing; who still waits waits until its deadline."""
        self._stop.set()
        if self._running is not None:
            await self._running
        await self._lookups.close()

    @property
    def position(self) -> int | None:
        """The newest announced position; None before the first connection."""
        return self._position

    @property
    def is_connected(self) -> bool:
        """Return whether it hears now."""
        return self._connected

    async def ready(self) -> None:
        """Wait until it hears for the first time."""
        await self._ready.wait()

    def subscribe(self, callback: Callable[[EventHeader], None]) -> Callable[[], None]:
        """Call back for each new event, in order, on the loop; what is returned ends it.

        The callback must be quick. One that raises is logged and stays subscribed.
        """
        self._subscribers.append(callback)
        self._catch_up(self._skipped)
        return lambda: self._subscribers.remove(callback)

    async def wait_for(
        self,
        originator_id: UUID,
        topics: Collection[str],
        after_position: int,
        deadline: float,
        *,
        collect: Callable[[RecordedEvent], object] | None = None,
    ) -> int | None:
        """Return the position of the stream's first event of these topics after a position.

        None when the loop's clock (`loop.time()`, seconds) passes `deadline`. Events that were
        recorded before the call count, too. `collect` is given the events of the stream that are
        read meanwhile, in order; others may be missing, which their versions show.
        """
        found = asyncio.get_running_loop().create_future()
        waiter = Waiter(topics, after_position, found, collect)
        for event in self._by_stream.get(originator_id, ()):
            waiter.receive(event)
        if waiter.found.done():
            return waiter.found.result()
        self._waiters[originator_id].add(waiter)
        self._catch_up(topics)
        try:
            async with asyncio.timeout_at(deadline):
                if after_position < self._window_start or self._position is None:
                    await self._look_back(originator_id, waiter)
                return await waiter.found
        except TimeoutError:
            return None
        finally:
            self._waiters[originator_id].discard(waiter)
            if not self._waiters[originator_id]:
                del self._waiters[originator_id]

    def _catch_up(self, topics: Collection[str]) -> None:
        """Read at once what nobody has waited for until now, if it may be of these topics."""
        listener = self._listener
        if listener is not None and (self._is_resting or not self._skipped.isdisjoint(topics)):
            listener.wake()

    async def _look_back(self, originator_id: UUID, waiter: Waiter) -> None:
        """Query events older than those in memory."""
        await self._ready.wait()
        values = [originator_id, waiter.after_position, list(waiter.topics)]
        while not waiter.found.done():
            try:
                async with self._lookups.connection() as connection:
                    row = await (await connection.execute(_EARLIER, values)).fetchone()
            except LOST_CONNECTION:
                await asyncio.sleep(_LOOK_BACK_PAUSE_S)
                continue
            if row is not None and not waiter.found.done():
                waiter.found.set_result(int(row[0]))
            return

    async def _listen(self) -> None:
        connection = await connect_async(
            self._dsn,
            application_name="billhook tail",
            settings={"statement_timeout": "10s"},
            silence_s=_SILENCE_S,
        )
        async with connection:
            self._listener = listener = Listener(connection)
            await listener.start()
            stopping = asyncio.ensure_future(self._stop.wait())
            stopping.add_done_callback(lambda _: listener.wake())
            try:
                if self._position is None:
                    await self._skip_to_head(connection)
                while not self._stop.is_set():
                    read_at_s = asyncio.get_running_loop().time()
                    if not await self._receive_new(connection):
                        self._connected = True
                        self._ready.set()
                        await self._wait_for_more(connection, listener, read_at_s=read_at_s)
            finally:
                self._connected = False
                self._listener = None
                stopping.cancel()

    @property
    def _is_heard(self) -> bool:
        """Return whether anybody waits for events."""
        return bool(self._waiters or self._subscribers)

    async def _wait_for_more(
        self, connection: Connection, listener: Listener, *, read_at_s: float
    ) -> None:
        if self._is_heard:
            await listener.wait(
                timeout_s=HEARTBEAT_S, wanted=self._is_wanted, unwanted_s=_UNHEARD_PAUSE_S
            )
            await listener.rest_until(read_at_s + _BETWEEN_READS_S)
            return
        is_quiet = False
        while not self._is_heard:
            self._is_resting = True
            try:
                if is_quiet:
                    await listener.wait(timeout_s=_QUIET_PAUSE_S)
                if not (self._is_heard or self._stop.is_set()):
                    await listener.rest(_UNHEARD_PAUSE_S)
            finally:
                self._is_resting = False
            if self._is_heard or self._stop.is_set():
                return
            known = self._position
            await self._skip_to_head(connection)
            is_quiet = self._position == known

    def _is_wanted(self, payload: str) -> bool:
        """Return whether somebody waits for an event of a topic that a notification names."""
        topics = topics_in(payload)
        if topics is None or self._subscribers:
            return True
        is_wanted = any(
            topic in waiter.topics
            for waiters in self._waiters.values()
            for waiter in waiters
            for topic in topics
        )
        if not is_wanted:
            self._skipped.update(topics)
        return is_wanted

    async def _skip_to_head(self, connection: Connection) -> None:
        """Leave out events that nobody waits for; a later waiter queries what it needs of them.

        Nothing is left out where somebody has begun to wait meanwhile.
        """
        cursor = await connection.execute(_HEAD, {"known": self._position or 0})
        row = await cursor.fetchone()
        if row is not None and (self._position is None or not self._is_heard):
            self._position = self._window_start = int(row[0])
            self._window.clear()
            self._by_stream.clear()

    async def _receive_new(self, connection: Connection) -> bool:
        """Read what is new and pass it on; True if there may be more."""
        self._skipped.clear()
        cursor = connection.cursor(binary=True)
        streams = "{" + ",".join(stream.hex for stream in self._waiters) + "}"
        await cursor.execute(_NEWER, [streams, self._position, _QUERY_LIMIT])
        rows = await cursor.fetchall()
        for position, stream, topic, version, state in rows:
            whole = RecordedEvent(stream, version, topic, state, position) if state else None
            self._dispatch(EventHeader(position, stream, topic), whole)
        return len(rows) == _QUERY_LIMIT

    def _dispatch(self, event: EventHeader, whole: RecordedEvent | None) -> None:
        self._position = event.position
        self._add_to_window(event)
        for waiter in self._waiters.get(event.originator_id, ()):
            waiter.receive(event, whole)
        for callback in list(self._subscribers):
            try:
                callback(event)
            except Exception:  # noqa: BLE001 - one subscriber does not deafen the others
                _log.exception("a subscriber of the log's tail raised")

    def _add_to_window(self, event: EventHeader) -> None:
        """Keep the newest events, for those who ask a moment late."""
        self._window.append(event)
        self._by_stream[event.originator_id].append(event)
        if len(self._window) > _WINDOW_LENGTH:
            oldest = self._window.popleft()
            self._window_start = oldest.position
            stream = self._by_stream[oldest.originator_id]
            stream.popleft()
            if not stream:
                del self._by_stream[oldest.originator_id]
