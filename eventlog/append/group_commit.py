"""Many callers, one commit: whatever queued while the last commit was in flight goes next."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from uuid import UUID

import psycopg
from eventsourcing.persistence import StoredEvent

from eventlog.append.checks import check_events, no_positions, refusal_of
from eventlog.append.gathering import Gathering
from eventlog.append.limits import CommitLimits
from eventlog.append.queue_room import QueueRoom
from eventlog.append.session import Append, AppendSession, stream_of
from eventlog.bodies import Body
from eventlog.errors import Conflict, LogClosed, LogUnavailable
from eventlog.process.supervise import supervise

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
_SWEEP_S = 0.2
# What a connection may take in an outage before those that wait for it are refused.
_CONNECTING_S = 1.0

# The server took nothing and would take it later, or another server would.
_TRANSIENT = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
)


class GroupCommit:
    """The one writer of a process; lives on the loop that made it."""

    def __init__(
        self, open_session: Callable[[], Awaitable[AppendSession]], *, limits: CommitLimits
    ) -> None:
        self._open_session = open_session
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Append] = deque()
        self._room = QueueRoom(limits.queued_appends)
        self._work = asyncio.Event()
        self._session: AppendSession | None = None
        self._connecting: asyncio.Future[AppendSession] | None = None
        self._connecting_from_s = 0.0
        self._outage_from_s: float | None = None
        self._closed = False
        self._gathering = Gathering(pause_s=limits.gather_s)
        self._writer = supervise(
            self._write(), name="group commit", is_expected=lambda: self._closed
        )

    async def append(self, events: Sequence[StoredEvent], bodies: Sequence[Body]) -> list[int]:
        """Record all of it or nothing; the positions, in the order of the events.

        Raises Conflict, LogUnavailable, LogClosed, DataError. A caller that is cancelled while
        its commit is in flight does not stop the commit.
        """
        if not events:
            return no_positions(bodies)
        check_events(events)
        deadline_s = self._loop.time() + self._limits.deadline_s
        await self._room.enter(deadline_s)
        try:
            return await self._queued(events, bodies, deadline_s)
        finally:
            self._room.leave()

    def start_append(
        self, events: Sequence[StoredEvent], bodies: Sequence[Body]
    ) -> asyncio.Future[list[int]] | None:
        """Queue events without a task that waits; None if the queue is full.

        The future has the result of `append`, or its error. Raises LogClosed, DataError.
        """
        check_events(events)
        if not self._room.try_enter():
            return None
        try:
            done = self._queued(events, bodies, self._loop.time() + self._limits.deadline_s)
        except BaseException:
            self._room.leave()
            raise
        done.add_done_callback(lambda _: self._room.leave())
        return done

    def _queued(
        self, events: Sequence[StoredEvent], bodies: Sequence[Body], deadline_s: float
    ) -> asyncio.Future[list[int]]:
        """Queue an append for the next commit; return the future of its positions."""
        if self._closed:
            raise LogClosed("the event log is closed")
        append = Append(events, bodies, deadline_s, self._loop.create_future())
        self._queue.append(append)
        self._work.set()
        self._gathering.arrived(len(self._queue))
        return append.done

    async def close(self) -> None:
        """Write what is queued, for as long as its deadlines allow; then hang up."""
        self._closed = True
        self._work.set()
        await self._writer
        await self._stop_connecting()
        await self._drop_session()

    async def _write(self) -> None:
        while self._queue or not self._closed:
            await self._work.wait()
            # Callers that were answered a moment ago run now, and may queue their next append.
            await asyncio.sleep(0)
            await self._gathering.wait(lambda: len(self._queue))
            batch = self._next_batch()
            if not batch:
                self._work.clear()
                if self._closed:
                    break
                continue
            self._gathering.note(len(batch))
            try:
                await self._commit(batch)
            except Exception as error:  # noqa: BLE001 - the writer outlives whatever a batch does
                _log.exception("a batch failed unexpectedly")
                for append in batch:
                    append.fail(error)

    def _next_batch(self) -> list[Append]:
        """Collect appends up to the limits; of two on one stream, the later one waits.

        Those that wait keep their place, and whatever touches their streams waits behind them.
        """
        batch: list[Append] = []
        waiting: list[Append] = []
        touched: set[UUID] = set()
        events = size = 0
        while self._queue and events < self._limits.events_per_batch:
            append = self._queue.popleft()
            if append.is_settled:
                continue
            clashes = not touched.isdisjoint(append.versions)
            touched.update(append.versions)
            if clashes:
                waiting.append(append)
                continue
            size += append.size_bytes
            if batch and size > self._limits.bytes_per_batch:
                waiting.append(append)
                break
            batch.append(append)
            events += len(append.events)
        self._queue.extendleft(reversed(waiting))
        return batch

    async def _commit(self, batch: Sequence[Append]) -> None:
        """Settle every append of the batch, over as many connections as it takes."""
        pause_s = _FIRST_PAUSE_S
        while open_appends := [append for append in batch if not append.is_settled]:
            started_s, is_reused = self._loop.time(), self._has_connection
            try:
                session = await self._connected(open_appends)
                if session is not None:
                    await self._attempt(session, open_appends)
                    self._outage_from_s = None
            except _TRANSIENT as error:
                _log.warning("the event log did not answer: %s", type(error).__name__)
                if self._outage_from_s is None:
                    self._outage_from_s = started_s
                # A connection that was lost while idle is replaced before anybody is refused.
                outage = None if is_reused else self._outage_from_s
                self._expire(
                    (*batch, *self._queue), reason="the connection was lost", outage_from_s=outage
                )
                await self._drop_session(unless_usable_after=error)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            except psycopg.Error as error:
                if len(open_appends) == 1:
                    open_appends[0].fail(refusal_of(error))
                else:
                    for append in open_appends:
                        await self._commit([append])

    async def _attempt(self, session: AppendSession, appends: Sequence[Append]) -> None:
        """Send what is not in the log yet, and settle it.

        What was sent before may have been committed, its answer lost; it may even be committed
        now, between our question and our second sending: then our own rows refuse it.
        """
        await self._recall(session, [append for append in appends if append.attempts > 0])
        unsent = [append for append in appends if not append.is_settled]
        if not unsent:
            return
        for append in unsent:
            append.attempts += 1
        outcomes = await session.append(unsent)
        recorded: dict[UUID, int] = {}
        refused: list[tuple[Append, Conflict]] = []
        for append, outcome in zip(unsent, outcomes, strict=True):
            if isinstance(outcome, Conflict):
                refused.append((append, outcome))
            else:
                append.succeed(outcome)
                recorded.update(append.versions)
        await self._recall(session, [append for append, _ in refused if append.attempts > 1])
        for append, conflict in refused:
            append.fail(conflict)
        self._refuse_queued(recorded)

    async def _recall(self, session: AppendSession, appends: Sequence[Append]) -> None:
        if not appends:
            return
        for append, positions in zip(appends, await session.recall(appends), strict=True):
            if positions is not None:
                append.succeed(positions)

    def _refuse_queued(self, recorded: dict[UUID, int]) -> None:
        """Refuse at once what queued for versions that were just taken: no need to ask."""
        for append in self._queue:
            for event in append.events:
                stream = stream_of(event)
                if event.originator_version <= (taken := recorded.get(stream, 0)):
                    append.fail(Conflict(stream, offered=event.originator_version, recorded=taken))
                    break

    @property
    def _has_connection(self) -> bool:
        connecting = self._connecting
        return self._session is not None or (connecting is not None and connecting.done())

    async def _connected(self, appends: Sequence[Append]) -> AppendSession | None:
        """Return the session, connecting if needed; None if no caller waits any more."""
        if self._session is None:
            connecting = self._connection_attempt()
            while not connecting.done():
                await asyncio.wait([connecting], timeout=_SWEEP_S)
                is_slow = self._loop.time() - self._connecting_from_s >= _CONNECTING_S
                self._expire(
                    (*appends, *self._queue),
                    reason="no connection",
                    outage_from_s=self._outage_from_s if is_slow else None,
                )
                if not connecting.done() and all(append.is_settled for append in appends):
                    return None
            self._connecting = None
            # Kept also if no caller waits any more: the next one finds it, or `close` ends it.
            self._session = connecting.result()
        return None if all(append.is_settled for append in appends) else self._session

    def _connection_attempt(self) -> asyncio.Future[AppendSession]:
        """Return the attempt in progress, which outlives its callers, or begin one."""
        failed_before = self._connecting is not None and (
            self._connecting.done() and self._connecting.exception() is not None
        )
        if self._connecting is None or failed_before:
            self._connecting = asyncio.ensure_future(self._open_session())
            self._connecting_from_s = self._loop.time()
        return self._connecting

    async def _stop_connecting(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError, psycopg.Error):
                self._session = await self._connecting

    def _expire(
        self, appends: Iterable[Append], *, reason: str, outage_from_s: float | None
    ) -> None:
        """Fail the appends that are past their deadline, or all in an outage that lasts."""
        now_s = self._loop.time()
        is_away = outage_from_s is not None and now_s - outage_from_s >= self._limits.outage_s
        for append in appends:
            if is_away or append.deadline_s <= now_s:
                append.fail(LogUnavailable(reason, maybe_recorded=append.attempts > 0))

    async def _drop_session(self, *, unless_usable_after: psycopg.Error | None = None) -> None:
        """Hang up; after a mere time-out of a statement the session stays."""
        session = self._session
        timed_out = isinstance(unless_usable_after, psycopg.errors.QueryCanceled)
        if session is None or (timed_out and not session.is_broken):
            return
        self._session = None
        await session.close()
