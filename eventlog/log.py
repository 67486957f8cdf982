"""Append to the event log and read it, from threads and from tasks."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Self, TypeVar
from uuid import UUID

import psycopg
import uvloop
from eventsourcing.persistence import StoredEvent
from psycopg.rows import TupleRow

from eventlog import reading
from eventlog.append.bridge import Bridge
from eventlog.append.group_commit import GroupCommit
from eventlog.append.limits import DEFAULT_LIMITS, CommitLimits
from eventlog.append.session import AppendSession
from eventlog.bodies import Body
from eventlog.database.read_sessions import ReadSessions
from eventlog.follow.positions import FollowerState, follower_states
from eventlog.reading import RecordedEvent

T = TypeVar("T")

_FEW = 20  # random reads of a disk that take well below a second
_LARGE_BODY = 64 * 1024  # compressing more would hold up the loop for a millisecond or more


class Log:
    """Appends to the log and reads it; one per process, for any number of threads and tasks.

    Methods named `…_async` run on the log's event loop. The others block their thread and must not
    be called on that loop. Opening does not connect: without a database the first call raises
    LogUnavailable.
    """

    def __init__(
        self,
        dsn: str,
        *,
        loop: asyncio.AbstractEventLoop,
        application_name: str,
        limits: CommitLimits,
        thread: threading.Thread | None = None,
    ) -> None:
        """Use `open` or `open_async`."""
        self._dsn = dsn
        self._loop = loop
        self._application_name = application_name
        self._limits = limits
        self._thread = thread
        self._bridge = Bridge(loop)
        self._commits = GroupCommit(self._open_append_session, limits=limits)
        self._reads = ReadSessions(
            dsn,
            application_name=f"{application_name} read",
            deadline_s=limits.deadline_s,
            is_closed=lambda: self._bridge.is_closed,
        )

    @classmethod
    async def open_async(
        cls,
        dsn: str,
        *,
        application_name: str = "billhook log",
        limits: CommitLimits = DEFAULT_LIMITS,
        thread: threading.Thread | None = None,
    ) -> Self:
        """Open on the running loop; `close` stops the loop and joins `thread`, if given."""
        loop = asyncio.get_running_loop()
        log = cls(dsn, loop=loop, application_name=application_name, limits=limits, thread=thread)
        await log._reads.open()
        return log

    @classmethod
    def open(
        cls,
        dsn: str,
        *,
        application_name: str = "billhook log",
        limits: CommitLimits = DEFAULT_LIMITS,
    ) -> Self:
        """Open on a new loop in a new thread."""
        loop = uvloop.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="event log", daemon=True)
        thread.start()
        future = cls.open_async(
            dsn, application_name=application_name, limits=limits, thread=thread
        )
        return asyncio.run_coroutine_threadsafe(future, loop).result()

    async def append_async(
        self, events: Sequence[StoredEvent], bodies: Sequence[Body] = ()
    ) -> list[int]:
        """Record all events with their bodies, or none; return their positions.

        Raises Conflict, LogUnavailable, LogClosed, and eventsourcing's DataError.
        """
        for body in bodies:
            if len(body.data) > _LARGE_BODY:
                await asyncio.to_thread(body.pack)
        return await self._commits.append(events, bodies)

    def start_append(
        self, events: Sequence[StoredEvent], bodies: Sequence[Body]
    ) -> asyncio.Future[list[int]] | None:
        """Start to record events with small bodies, on the log's loop; None if its queue is full.

        The future has the result of `append_async`, or its error. Raises LogClosed, DataError.
        """
        return self._commits.start_append(events, bodies)

    async def stream_async(
        self,
        stream: UUID,
        *,
        after_version: int = 0,
        up_to_version: int | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[RecordedEvent]:
        """Read a stream in the order of its versions."""
        return await self._read_little(
            lambda connection: reading.read_stream(
                connection,
                stream,
                after_version=after_version,
                up_to_version=up_to_version,
                newest_first=newest_first,
                limit=limit,
            )
        )

    async def streams_async(
        self, streams: Collection[UUID], *, after_versions: Mapping[UUID, int] | None = None
    ) -> dict[UUID, list[RecordedEvent]]:
        """Read streams in one query, whole or after a version; some lists may be empty."""
        return await self._read_little(
            lambda connection: reading.read_streams(connection, streams, after_versions or {}),
            items=len(streams),
        )

    async def exists_async(self, stream: UUID) -> bool:
        """Return whether the stream has an event."""
        return await self._read_little(lambda connection: reading.stream_exists(connection, stream))

    async def read_async(
        self,
        after_position: int,
        limit: int,
        topics: Collection[str] | None = None,
        *,
        up_to_position: int | None = None,
        kept_whole: bool = False,
    ) -> list[RecordedEvent]:
        """Read the log in order, all topics or some. `kept_whole`: see `reading.read_log`."""
        return await self._reads.run(
            lambda connection: reading.read_log(
                connection,
                after_position,
                limit=limit,
                up_to_position=up_to_position,
                topics=topics,
                kept_whole=kept_whole,
            )
        )

    async def head_async(self) -> int:
        """Return the newest position; 0 while the log is empty."""
        return await self._read_little(reading.read_head)

    async def bodies_async(self, sha256s: Collection[bytes]) -> dict[bytes, bytes]:
        """Return bodies by hash; erased ones are missing. Raises BodyDamaged."""
        return await self._read_little(
            lambda connection: reading.read_bodies(connection, sha256s), items=len(sha256s)
        )

    async def packed_bodies_async(
        self, sha256s: Sequence[bytes], *, most_bytes: int
    ) -> dict[bytes, bytes | None]:
        """Return bodies as stored, by their hash; those that were erased are missing.

        Those that follow on more than `most_bytes` are None; the first one is always there.
        """
        return await self._reads.run(
            lambda connection: reading.read_packed_bodies(
                connection, sha256s, most_bytes=most_bytes
            )
        )

    async def body_async(self, sha256: bytes) -> bytes | None:
        """Return one body, None when it was erased. Raises BodyDamaged."""
        return (await self.bodies_async([sha256])).get(sha256)

    async def erase_bodies_async(self, tenant: UUID) -> int:
        """Delete a tenant's bodies; return their number. The events and their hashes stay."""
        return await self._reads.run(lambda connection: reading.delete_bodies(connection, tenant))

    async def close_async(self) -> None:
        """Write queued appends, then close the connections. Closing twice changes nothing."""
        if self._bridge.close():
            await self._commits.close()
            await self._reads.close()
            await self._bridge.finish()

    def append(self, events: Sequence[StoredEvent], bodies: Sequence[Body] = ()) -> list[int]:
        """Run `append_async` from a synchronous caller."""
        for body in bodies:
            body.pack()  # here, not on the loop that all callers share
        return self._bridge.wait(self.append_async(events, bodies))

    def stream(
        self,
        stream: UUID,
        *,
        after_version: int = 0,
        up_to_version: int | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[RecordedEvent]:
        """Run `stream_async` from a synchronous caller."""
        return self._bridge.wait(
            self.stream_async(
                stream,
                after_version=after_version,
                up_to_version=up_to_version,
                newest_first=newest_first,
                limit=limit,
            )
        )

    def read(
        self,
        after_position: int,
        limit: int,
        topics: Collection[str] | None = None,
        *,
        up_to_position: int | None = None,
        kept_whole: bool = False,
    ) -> list[RecordedEvent]:
        """Run `read_async` from a synchronous caller."""
        reading_ahead = self.read_async(
            after_position,
            limit,
            topics,
            up_to_position=up_to_position,
            kept_whole=kept_whole,
        )
        return self._bridge.wait(reading_ahead)

    def streams(self, streams: Collection[UUID]) -> dict[UUID, list[RecordedEvent]]:
        """Run `streams_async` from a synchronous caller."""
        return self._bridge.wait(self.streams_async(streams))

    def existing(self, streams: Collection[UUID]) -> set[UUID]:
        """Return which of the streams have an event, from a synchronous caller."""
        return self._bridge.wait(
            self._reads.run(lambda connection: reading.existing_streams(connection, streams))
        )

    def head(self) -> int:
        """Run `head_async` from a synchronous caller."""
        return self._bridge.wait(self.head_async())

    def body(self, sha256: bytes) -> bytes | None:
        """Run `body_async` from a synchronous caller."""
        return self._bridge.wait(self.body_async(sha256))

    def follower_states(self) -> list[FollowerState]:
        """Return the state of every follower."""
        return self._bridge.wait(self._reads.run(follower_states))

    def close(self) -> None:
        """Run `close_async` from a synchronous caller; end the thread that `open` started."""
        if self._bridge.is_closed:
            return
        asyncio.run_coroutine_threadsafe(self.close_async(), self._loop).result()
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop on which the methods named `…_async` run."""
        return self._loop

    @property
    def dsn(self) -> str:
        """The database's DSN; contains a password, so never show it."""
        return self._dsn

    async def _read_little(
        self, query: Callable[[psycopg.AsyncConnection[TupleRow]], Awaitable[T]], *, items: int = 1
    ) -> T:
        """Run a query; of few items it never takes long, and a silent session is replaced soon."""
        silence_s = self._limits.answer_timeout_s if items <= _FEW else None
        return await self._reads.run(query, silence_s=silence_s)

    async def _open_append_session(self) -> AppendSession:
        return await AppendSession.open(
            self._dsn,
            application_name=f"{self._application_name} append",
            answer_timeout_s=self._limits.answer_timeout_s,
        )
