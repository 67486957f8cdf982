"""Reading the log in order, once, whoever of many processes does it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from eventlog.follow.detached import wait_until_attached
from eventlog.follow.feed import Feed
from eventlog.follow.leader import (
    HEARTBEAT_S,
    Connection,
    become_leader,
    leader_session,
    pause,
    resign,
    retry_lost_connections,
)
from eventlog.follow.listen import Listener
from eventlog.follow.positions import (
    SteppedDown,
    failed_attempts,
    forget_failure,
    is_skipped,
    move,
    record_failure,
    stored_position,
)
from eventlog.process.backoff import backoff_s
from eventlog.process.describe_error import describe
from eventlog.reading import RecordedEvent, read_on

_log = logging.getLogger(__name__)

Cursor = psycopg.AsyncCursor[TupleRow]
Handle = Callable[[Cursor, Sequence[RecordedEvent]], Awaitable[None]]

# So far ahead one query looks for events of its topics.
_WINDOW = 10_000
# A busy log is read once in so long, not at each of its commits. What comes after a quiet moment
# is read at once.
_BETWEEN_READS_S = 0.01
_STEP_DOWN_PAUSE_S = 0.5
_FIRST_RETRY_S = 0.25
_LONGEST_RETRY_S = 30.0


@dataclass
class _Progress:
    """Progress of a leading follower: stored and read positions, the log's head, batch limit."""

    stored: int
    seen: int
    head: int
    limit: int = 1
    """Most events of the next batch."""
    careful_until: int = 0
    """Up to here events go one by one: one of them failed."""
    failures: int = 0
    stored_at_s: float = 0
    read_at_s: float = 0
    queried_at_s: float = 0
    """Time of the last query on the leader's own session, which the server ends in silence."""
    waiting_from_s: float | None = None
    """Since when there are events, all of them of deferred topics, that wait for others."""


class Follower:
    """Passes the log to `handle` in batches, with a cursor on the position's transaction.

    Rows that `handle` writes with the cursor and the position are committed together: exactly
    once. What else it does may be done again after a crash: at least once. An event that it
    raises on stops the follower there, is reported, and is tried again for ever, never skipped.
    Batches start at one event and double up to `batch`: a process that was killed by what a batch
    needs, and restarted, gets further each time, in the end event by event.
    Run it in as many processes as you like: one leads. `handle` may take `handle_timeout_s`, and
    must leave the loop free meanwhile. `feed`: where the log's end is read for all followers of
    the process. Events of `deferred` topics wait up to `defer_s` for others to be handled with.
    """

    def __init__(
        self,
        dsn: str,
        name: str,
        handle: Handle,
        *,
        topics: Collection[str] | None = None,
        batch: int = 500,
        handle_timeout_s: float = 30,
        feed: Feed | None = None,
        deferred: Collection[str] = (),
        defer_s: float = 0.025,
    ) -> None:
        self._dsn = dsn
        self._name = name
        self._handle = handle
        self._topics = None if topics is None else frozenset(topics)
        self._feed = feed
        self._deferred = frozenset(deferred)
        self._urgent = None if self._topics is None else self._topics - self._deferred
        self._defer_s = defer_s
        self._batch = batch
        self._handle_timeout_s = handle_timeout_s
        self._progress: _Progress | None = None

    @property
    def name(self) -> str:
        """Name under which the position is kept."""
        return self._name

    @property
    def is_leading(self) -> bool:
        """Return whether this one leads."""
        return self._progress is not None

    @property
    def lag(self) -> int | None:
        """Number of events behind the log's head as last seen; None while another one leads."""
        return None if self._progress is None else self._progress.head - self._progress.seen

    async def run(self, stop: asyncio.Event) -> None:
        """Follow, or stand by to, until `stop` is set."""
        await retry_lost_connections(
            lambda: self._serve(stop), name=f"follower {self._name}", stop=stop
        )

    async def _serve(self, stop: asyncio.Event) -> None:
        async with leader_session(
            self._dsn,
            application_name=f"billhook follower {self._name}",
            settings={
                "idle_in_transaction_session_timeout": f"{int(self._handle_timeout_s + 5)}s",
                # What a crash of the server forgets, rows and position, is simply done again.
                "synchronous_commit": "off",
            },
        ) as connection:
            listener = Listener(connection)
            feed = self._feed
            if feed is None:
                await listener.start()
            stopping = asyncio.ensure_future(stop.wait())
            stopping.add_done_callback(lambda _: listener.wake() if feed is None else feed.wake())
            try:
                while await become_leader(connection, self._name, stop=stop):
                    try:
                        await self._lead(connection, listener, stop)
                    except SteppedDown:
                        _log.warning("follower %s steps down: its position moved", self._name)
                    finally:
                        self._progress = None
                        await resign(connection, self._name)
                    await pause(_STEP_DOWN_PAUSE_S, stop=stop)
            finally:
                stopping.cancel()

    async def _lead(self, connection: Connection, listener: Listener, stop: asyncio.Event) -> None:
        position = await stored_position(connection, self._name)
        self._progress = progress = _Progress(stored=position, seen=position, head=position)
        await wait_until_attached(connection, self._name, after=position, stop=stop)
        progress.failures = await failed_attempts(connection, self._name)
        while not stop.is_set():
            await self._step(connection, progress, stop=stop)
            await self._store_what_was_passed(connection, progress)
            if progress.seen >= progress.head or progress.waiting_from_s is not None:
                await self._wait_for_more(listener, progress)

    async def _step(
        self, connection: Connection, progress: _Progress, *, stop: asyncio.Event
    ) -> None:
        limit = 1 if progress.seen < progress.careful_until else progress.limit
        progress.head, events = await self._read(connection, progress, limit=limit)
        if progress.seen < progress.head and self._may_wait(progress, events, limit=limit):
            return
        progress.waiting_from_s = None
        if progress.seen >= progress.head:
            return
        window_end = min(progress.head, progress.seen + _WINDOW)
        through = events[-1].position if len(events) == limit else window_end
        if not events:
            progress.seen = through
            return
        try:
            await self._work(connection, events, progress, through=through)
        except SteppedDown:
            raise
        except Exception as error:  # whatever it is, the follower must not go past it
            if connection.closed:
                raise psycopg.OperationalError("lost in the middle of a batch") from error
            if len(events) > 1:
                progress.careful_until = events[-1].position
                return
            if await is_skipped(connection, self._name, events[0].position):
                await self._skip(connection, progress, events[0].position)
                return
            progress.failures = await record_failure(
                connection, self._name, position=events[0].position, error=error
            )
            _log.error(
                "follower %s cannot get past position %d: %s",
                *(self._name, events[0].position, describe(error)),
            )
            await self._rest(connection, progress, events[0].position, stop=stop)

    async def _read(
        self, connection: Connection, progress: _Progress, *, limit: int
    ) -> tuple[int, list[RecordedEvent]]:
        """Read from the feed, or from the log once a second and where the feed has no answer."""
        now_s = progress.read_at_s = asyncio.get_running_loop().time()
        if self._feed is not None and now_s - progress.queried_at_s < HEARTBEAT_S:
            found = self._feed.read(progress.seen, limit=limit, topics=self._topics)
            if found is not None:
                return found
        progress.queried_at_s = now_s
        return await read_on(
            connection, progress.seen, limit=limit, window=_WINDOW, topics=self._topics
        )

    def _may_wait(
        self, progress: _Progress, events: Sequence[RecordedEvent], *, limit: int
    ) -> bool:
        """Return whether the events may wait for others, and begin or continue their wait."""
        if not events or not all(event.topic in self._deferred for event in events):
            return False
        is_behind = len(events) == limit and events[-1].position < progress.head
        if is_behind or progress.seen < progress.careful_until:
            return False
        if progress.waiting_from_s is None:
            progress.waiting_from_s = progress.read_at_s
        return progress.read_at_s - progress.waiting_from_s < self._defer_s

    async def _wait_for_more(self, listener: Listener, progress: _Progress) -> None:
        """Sleep until the log grew and the last read is not too fresh, or deferred events are due.

        With deferred events in hand, only others end the wait.
        """
        loop = asyncio.get_running_loop()
        topics, timeout_s = self._topics, HEARTBEAT_S
        if progress.waiting_from_s is not None:
            topics = self._urgent
            timeout_s = max(progress.waiting_from_s + self._defer_s - loop.time(), 0)
        if self._feed is not None:
            await self._feed.wait(progress.seen, topics=topics, timeout_s=timeout_s)
        else:
            await listener.wait(timeout_s=timeout_s)
            if not self._urgent and self._urgent is not None:
                # Whatever came may wait: it is read once, together with what follows it.
                await listener.rest(self._defer_s)
                progress.waiting_from_s = loop.time() - self._defer_s
        early_s = progress.read_at_s + _BETWEEN_READS_S - loop.time()
        if early_s > 0:
            await listener.rest(early_s)

    async def _skip(self, connection: Connection, progress: _Progress, position: int) -> None:
        """Go past an event that the handler raises on and that an operator decided to skip."""
        async with connection.transaction(), connection.cursor() as cursor:
            await move(cursor, self._name, old=progress.stored, new=position)
            await forget_failure(cursor, self._name)
        _log.warning("follower %s skips position %d, as an operator decided", self._name, position)
        progress.stored = progress.seen = position
        progress.failures = 0

    async def _rest(
        self, connection: Connection, progress: _Progress, position: int, *, stop: asyncio.Event
    ) -> None:
        """Wait before the next attempt, longer each time; end early once a skip is recorded."""
        loop = asyncio.get_running_loop()
        pause_s = backoff_s(
            progress.failures - 1, first_s=_FIRST_RETRY_S, longest_s=_LONGEST_RETRY_S
        )
        until_s = loop.time() + pause_s
        while not stop.is_set() and (left_s := until_s - loop.time()) > 0:
            # The query keeps the leader's session alive, too.
            if await is_skipped(connection, self._name, position):
                return
            await pause(min(left_s, HEARTBEAT_S), stop=stop)

    async def _work(
        self,
        connection: Connection,
        events: Sequence[RecordedEvent],
        progress: _Progress,
        *,
        through: int,
    ) -> None:
        async with connection.transaction(), connection.cursor() as cursor:
            async with asyncio.timeout(self._handle_timeout_s):
                await self._handle(cursor, events)
            await move(cursor, self._name, old=progress.stored, new=through)
            if progress.failures:
                await forget_failure(cursor, self._name)
        progress.stored = progress.seen = through
        progress.failures = 0
        progress.limit = min(2 * progress.limit, self._batch)

    async def _store_what_was_passed(self, connection: Connection, progress: _Progress) -> None:
        """Store a position past events of other topics once a second, not at each of them."""
        now_s = asyncio.get_running_loop().time()
        if progress.seen == progress.stored or now_s - progress.stored_at_s < HEARTBEAT_S:
            return
        async with connection.transaction(), connection.cursor() as cursor:
            await move(cursor, self._name, old=progress.stored, new=progress.seen)
        progress.stored = progress.seen
        progress.stored_at_s = now_s
