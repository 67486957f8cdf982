"""Append one batch by one call of eventlog.append, on one session."""

import asyncio
import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg.rows import TupleRow

from eventlog.append.arrays import (
    ByteaArray,
    Int4Array,
    Int8Array,
    TextArray,
    UuidArray,
    register_arrays,
)
from eventlog.bodies import Body
from eventlog.database.connect import connect_async
from eventlog.errors import Conflict

_APPEND = "SELECT * FROM eventlog.append(%b, %b, %b, %b, %b, %b, %b, %b, %b)"
_RECALL = """
SELECT events.originator_id, events.originator_version, events.position, events.topic, events.state
FROM unnest(%b, %b) AS asked (id, version)
JOIN eventlog.events AS events
  ON events.originator_id = asked.id AND events.originator_version = asked.version
"""

_StreamVersion = tuple[UUID, int]


@dataclass(slots=True, eq=False)
class Append:
    """Events that one caller appends atomically, and the future of their positions."""

    events: Sequence[StoredEvent]
    bodies: Sequence[Body]
    deadline_s: float
    done: asyncio.Future[list[int]]
    attempts: int = 0
    versions: dict[UUID, int] = field(init=False)
    """The last version given, by stream."""
    size_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.versions, size = {}, 0
        for event in self.events:
            self.versions[stream_of(event)] = event.originator_version
            size += len(event.state)
        for body in self.bodies:
            size += len(body.packed)
        self.size_bytes = size

    @property
    def is_settled(self) -> bool:
        """Return whether the caller has its answer, or has gone."""
        return self.done.done()

    def succeed(self, positions: list[int]) -> None:
        """Answer, unless the caller has gone."""
        if not self.done.done():
            self.done.set_result(positions)

    def fail(self, error: BaseException) -> None:
        """Answer, unless the caller has gone."""
        if not self.done.done():
            self.done.set_exception(error)


Outcome = list[int] | Conflict


class AppendSession:
    """A connection that appends; when an answer does not come in time, it breaks."""

    def __init__(
        self, connection: psycopg.AsyncConnection[TupleRow], *, answer_timeout_s: float
    ) -> None:
        self._connection = connection
        self._cursor = connection.cursor(binary=True)
        self._answer_timeout_s = answer_timeout_s

    @classmethod
    async def open(cls, dsn: str, *, application_name: str, answer_timeout_s: float) -> Self:
        """Connect; the server gives up a statement shortly before we would."""
        limit_ms = int(answer_timeout_s * 800)
        connection = await connect_async(
            dsn,
            application_name=application_name,
            settings={"statement_timeout": str(limit_ms)},
        )
        register_arrays(connection)
        return cls(connection, answer_timeout_s=answer_timeout_s)

    async def close(self) -> None:
        """Hang up."""
        await self._connection.close()

    @property
    def is_broken(self) -> bool:
        """Return whether the connection is lost."""
        return self._connection.closed

    async def append(self, batch: Sequence[Append]) -> list[Outcome]:
        """Append the batch in one commit: the positions or the conflict of each."""
        rows = await self._query(_APPEND, _append_arguments(batch))
        positions, refused, refused_ids, refused_versions = rows[0]
        conflicts = {
            owner: (stream, version)
            for owner, stream, version in zip(refused, refused_ids, refused_versions, strict=True)
        }
        outcomes: list[Outcome] = []
        start = 0
        for owner, append in enumerate(batch, start=1):
            end = start + len(append.events)
            if owner in conflicts:
                outcomes.append(_conflict(append, *conflicts[owner]))
            else:
                outcomes.append(positions[start:end])
            start = end
        return outcomes

    async def recall(self, appends: Sequence[Append]) -> list[list[int] | None]:
        """Return the positions of each append that is in the log, byte by byte, else None."""
        events = [event for append in appends for event in append.events]
        rows = await self._query(
            _RECALL,
            [UuidArray(map(stream_of, events)), Int8Array(e.originator_version for e in events)],
        )
        found = {
            (stream, version): (position, topic, state)
            for stream, version, position, topic, state in rows
        }
        return [_positions_in(found, append.events) for append in appends]

    async def _query(self, query: str, arguments: Sequence[object]) -> list[TupleRow]:
        watchdog = asyncio.get_running_loop().call_later(self._answer_timeout_s, self._break)
        try:
            await self._cursor.execute(query, arguments, prepare=True)
            return await self._cursor.fetchall()
        finally:
            watchdog.cancel()

    def _break(self) -> None:
        """End the wait for a server that is silent: the read sees an end of file.

        Cancelling the task instead would make the driver ask the silent server to cancel.
        """
        with socket.socket(fileno=os.dup(self._connection.fileno())) as twin:
            twin.shutdown(socket.SHUT_RDWR)


def stream_of(event: StoredEvent) -> UUID:
    """Return the event's stream; the log's ids are UUIDs."""
    if not isinstance(event.originator_id, UUID):
        raise TypeError(f"the log's streams are named by UUIDs, not {event.originator_id!r}")
    return event.originator_id


def _append_arguments(batch: Sequence[Append]) -> list[object]:
    events = [(owner, event) for owner, a in enumerate(batch, start=1) for event in a.events]
    bodies = [(owner, body) for owner, a in enumerate(batch, start=1) for body in a.bodies]
    return [
        Int4Array(owner for owner, _ in events),
        UuidArray(stream_of(event) for _, event in events),
        Int8Array(event.originator_version for _, event in events),
        TextArray(event.topic for _, event in events),
        ByteaArray(event.state for _, event in events),
        Int4Array(owner for owner, _ in bodies),
        ByteaArray(body.sha256 for _, body in bodies),
        UuidArray(body.tenant for _, body in bodies),
        ByteaArray(body.packed for _, body in bodies),
    ]


def _conflict(append: Append, stream: UUID, recorded: int) -> Conflict:
    offered = next(e.originator_version for e in append.events if e.originator_id == stream)
    return Conflict(stream, offered=offered, recorded=recorded)


def _positions_in(
    found: dict[_StreamVersion, tuple[int, str, bytes]], events: Iterable[StoredEvent]
) -> list[int] | None:
    positions = []
    for event in events:
        position, topic, state = found.get(
            (stream_of(event), event.originator_version), (0, None, None)
        )
        if (topic, state) != (event.topic, event.state):
            return None
        positions.append(position)
    return positions
