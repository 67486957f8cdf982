"""Reading the log in order, once, whoever of many processes does it."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import psycopg

from eventlog.follow.detached import wait_until_attached
from eventlog.follow.failing_event import retry_or_skip
from eventlog.follow.feed import Feed
from eventlog.follow.handler import AnyHandler
from eventlog.follow.leader import (
    HEARTBEAT_S,
    LeaderSession,
    LeaderSessions,
    become_leader,
    pause,
    resign,
    retry_lost_connections,
    until_beat_s,
)
from eventlog.follow.listen import Listener
from eventlog.follow.positions import SteppedDown, failed_attempts, move, stored_position
from eventlog.follow.progress import Progress
from eventlog.follow.read_on import is_cut, read_on
from eventlog.follow.write_batch import BatchWriting
from eventlog.reading import RecordedEvent

_log = logging.getLogger(__name__)

_HANDLE_TIMEOUT_S = 30.0
# So far ahead one query looks for events of its topics.
_WINDOW = 10_000
# A busy log is read once in so long, not at each of its commits. What comes after a quiet moment
# is read at once.
_BETWEEN_READS_S = 0.01
# Deferred events of a busy log are handled once in so long, besides those that are not deferred.
_BETWEEN_DEFERRED_S = 0.25
_STEP_DOWN_PAUSE_S = 0.5
# The other leaders of a shared session wait as long for its turn.
_LOCK_TIMEOUT = "1s"
_LOCKED_PAUSE_S = 0.1


@dataclass(frozen=True)
class FollowerGroup:
    """Followers of one process: they share a reader of the log's end and may share a session."""

    feed: Feed
    sessions: LeaderSessions | None = None


def follower_sessions(
    dsn: str, *, application_name: str, handle_timeout_s: float = _HANDLE_TIMEOUT_S
) -> LeaderSessions:
    """Make sessions for one follower, or for several of a process that take turns on one."""
    return LeaderSessions(
        dsn,
        application_name=application_name,
        settings={
            "idle_in_transaction_session_timeout": f"{int(handle_timeout_s + 5)}s",
            "lock_timeout": _LOCK_TIMEOUT,
            # What a crash of the server forgets, rows and position, is simply done again.
            "synchronous_commit": "off",
        },
        silence_s=handle_timeout_s + 5,
    )


class Follower:
    """Passes the log to `handle` in batches, with a cursor on the position's transaction.

    Rows that `handle` writes with the cursor and the position are committed together: exactly
    once. What else it does may be done again after a crash: at least once. An event that it
    raises on stops the follower there, is reported, and is tried again for ever, never skipped.
    Batches start at one event and double up to `batch`: a process that was killed by what a batch
    needs, and restarted, gets further each time, in the end event by event.
    Run it in as many processes as you like: one leads. `handle` may take `handle_timeout_s`, and
    must leave the loop free meanwhile. `group`: that of the process. Events of `deferred` topics
    wait up to `defer_s` for others to be handled with, and `between_deferred_s` after a batch,
    unless a reader waits for `read_model`.
    """

    def __init__(
        self,
        dsn: str,
        name: str,
        handle: AnyHandler,
        *,
        topics: Collection[str] | None = None,
        batch: int = 500,
        handle_timeout_s: float = _HANDLE_TIMEOUT_S,
        group: FollowerGroup | None = None,
        deferred: Collection[str] = (),
        defer_s: float = 0.025,
        between_deferred_s: float = _BETWEEN_DEFERRED_S,
        read_model: str | None = None,
    ) -> None:
        self._sessions = (group.sessions if group else None) or follower_sessions(
            dsn, application_name=f"billhook follower {name}", handle_timeout_s=handle_timeout_s
        )
        self._name = name
        self._handle = handle
        self._topics = None if topics is None else frozenset(topics)
        self._feed = group.feed if group else None
        self._deferred = frozenset(deferred)
        self._urgent = None if self._topics is None else self._topics - self._deferred
        self._defer_s = defer_s
        self._between_s = between_deferred_s
        self._read_model = read_model
        self._batch = batch
        self._handle_timeout_s = handle_timeout_s
        self._progress: Progress | None = None

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
        async with self._sessions.join() as session:
            listener = Listener(session.connection) if self._feed is None else None
            if listener is not None:
                await listener.start()
            waiting = self._feed or listener
            assert waiting is not None  # noqa: S101 - one of the two
            stopping = asyncio.ensure_future(stop.wait())
            stopping.add_done_callback(lambda _: waiting.wake())
            try:
                while await become_leader(session, self._name, stop=stop):
                    urgent = self._feed.urgent(self._urgent) if self._feed else nullcontext()
                    try:
                        with urgent:
                            await self._lead(session, listener, stop)
                    except SteppedDown:
                        _log.warning("follower %s steps down: its position moved", self._name)
                    finally:
                        self._progress = None
                        await resign(session, self._name)
                    await pause(_STEP_DOWN_PAUSE_S, stop=stop)
            finally:
                stopping.cancel()

    async def _lead(
        self, session: LeaderSession, listener: Listener | None, stop: asyncio.Event
    ) -> None:
        async with session.turn:
            position = await stored_position(session.connection, self._name)
        self._progress = progress = Progress(stored=position, seen=position, head=position)
        await wait_until_attached(session, self._name, after=position, stop=stop)
        async with session.turn:
            progress.failures = await failed_attempts(session.connection, self._name)
        while not stop.is_set():
            session.raise_if_lost()
            await self._step(session, progress, stop=stop)
            await self._store_what_was_passed(session, progress)
            if progress.seen >= progress.head or progress.waiting_from_s is not None:
                await self._wait_for_more(listener, progress, stop=stop)

    async def _step(
        self, session: LeaderSession, progress: Progress, *, stop: asyncio.Event
    ) -> None:
        limit = progress.next_limit
        progress.head, events = await self._read(session, progress, limit=limit)
        if progress.seen < progress.head and self._may_wait(progress, events, limit=limit):
            return
        progress.waiting_from_s = None
        if progress.seen >= progress.head:
            return
        window_end = min(progress.head, progress.seen + _WINDOW)
        through = events[-1].position if is_cut(events, limit=limit) else window_end
        if not events:
            progress.seen = through
            return
        try:
            await self._work(session, events, progress, through=through)
        except SteppedDown:
            raise
        except psycopg.errors.LockNotAvailable:
            _log.warning("follower %s tries again: its rows are locked", self._name)
            await pause(_LOCKED_PAUSE_S, stop=stop)
        except Exception as error:  # whatever it is, the follower must not go past it
            if session.connection.closed:
                raise psycopg.OperationalError("lost in the middle of a batch") from error
            was_slow = isinstance(error, TimeoutError)
            progress.failed(len(events), through=events[-1].position, was_slow=was_slow)
            if len(events) > 1:
                return
            await retry_or_skip(
                session, self._name, progress, events[0].position, error=error, stop=stop
            )

    async def _read(
        self, session: LeaderSession, progress: Progress, *, limit: int
    ) -> tuple[int, list[RecordedEvent]]:
        """Read from the feed, or from the log once a second and where the feed has no answer."""
        now_s = progress.read_at_s = asyncio.get_running_loop().time()
        if self._feed is not None and not session.is_silent(now_s=now_s):
            found = self._feed.read(progress.seen, limit=limit, topics=self._topics)
            if found is not None:
                return found
        session.use(now_s=now_s)
        async with session.turn:
            return await read_on(
                session.connection,
                progress.seen,
                limit=limit,
                window=_WINDOW,
                topics=self._topics,
            )

    def _may_wait(self, progress: Progress, events: Sequence[RecordedEvent], *, limit: int) -> bool:
        """Return whether the events may wait for others, and begin or continue their wait."""
        if not events or not all(event.topic in self._deferred for event in events):
            return False
        is_behind = is_cut(events, limit=limit) and events[-1].position < progress.head
        is_hurried = events[0].position <= self._hurry_to
        if is_behind or is_hurried or progress.seen < progress.careful_until:
            return False
        if progress.waiting_from_s is None:
            progress.waiting_from_s = progress.read_at_s
        return progress.read_at_s < self._deferred_until_s(progress)

    @property
    def _hurry_to(self) -> int:
        return 0 if self._feed is None else self._feed.hurry_to(self._read_model)

    def _deferred_until_s(self, progress: Progress) -> float:
        return progress.deferred_until_s(defer_s=self._defer_s, between_s=self._between_s)

    async def _wait_for_more(
        self, listener: Listener | None, progress: Progress, *, stop: asyncio.Event
    ) -> None:
        """Sleep until the log grew and the last read is not too fresh, or deferred events are due.

        With deferred events in hand, only others end the wait.
        """
        loop = asyncio.get_running_loop()
        topics, timeout_s = self._topics, until_beat_s(loop.time())
        if progress.waiting_from_s is not None:
            topics = self._urgent
            timeout_s = max(self._deferred_until_s(progress) - loop.time(), 0)
        if self._feed is not None:
            await self._feed.wait(progress.seen, topics=topics, timeout_s=timeout_s)
        elif listener is not None:
            await listener.wait(timeout_s=timeout_s)
            if not self._urgent and self._urgent is not None:
                # Whatever came may wait: it is read once, together with what follows it.
                progress.waiting_from_s = loop.time()
                await listener.rest_until(self._deferred_until_s(progress))
                progress.waiting_from_s -= self._defer_s
        early_s = progress.rest_until_s(between_s=_BETWEEN_READS_S) - loop.time()
        if early_s > 0:
            await (pause(early_s, stop=stop) if listener is None else listener.rest(early_s))

    async def _work(
        self,
        session: LeaderSession,
        events: Sequence[RecordedEvent],
        progress: Progress,
        *,
        through: int,
    ) -> None:
        loop = asyncio.get_running_loop()
        started_at_s = loop.time()
        writing = BatchWriting(self._name, self._handle, timeout_s=self._handle_timeout_s)
        await writing.write(session, events, progress, through=through)
        progress.handled(through, from_s=started_at_s, until_s=loop.time(), batch=self._batch)

    async def _store_what_was_passed(self, session: LeaderSession, progress: Progress) -> None:
        """Store a position past events of other topics once a second, or for a waiting reader."""
        now_s = asyncio.get_running_loop().time()
        is_due = now_s - progress.stored_at_s >= HEARTBEAT_S or progress.stored < self._hurry_to
        if progress.seen == progress.stored or not is_due:
            return
        async with session.turn, session.connection.cursor() as cursor:
            await move(cursor, self._name, old=progress.stored, new=progress.seen)
        progress.stored = progress.seen
        progress.stored_at_s = now_s
