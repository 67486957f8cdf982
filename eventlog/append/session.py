"""Append one batch by one call of eventlog.append, on one session."""

import asyncio
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self, cast
from uuid import UUID

import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg import generators
from psycopg.abc import PQGen
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import TupleRow

from eventlog.append.arrays import (
    bytea_array,
    int4_array,
    int8_array,
    read_int4s,
    read_int8s,
    read_uuids,
    text_array,
    uuid_array,
)
from eventlog.bodies import Body
from eventlog.database.connect import connect_async
from eventlog.errors import Conflict

_APPEND = b"SELECT * FROM eventlog.append($1, $2, $3, $4, $5, $6, $7, $8, $9)"
_PREPARED = b"append"
_BINARY = [Format.BINARY] * 9
_GOOD = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)
_RECALL = """
SELECT events.originator_id, events.originator_version, events.position, events.topic, events.state
FROM unnest(%s::uuid[], %s::bigint[]) AS asked (id, version)
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
        self._answer_timeout_s = answer_timeout_s
        self._is_prepared = False

    @classmethod
    async def open(cls, dsn: str, *, application_name: str, answer_timeout_s: float) -> Self:
        """Connect; the server gives up a statement shortly before we would."""
        limit_ms = int(answer_timeout_s * 800)
        connection = await connect_async(
            dsn,
            application_name=application_name,
            settings={"statement_timeout": str(limit_ms)},
        )
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
        arguments = _append_arguments(batch)
        with self._watched():
            result = await self._connection.wait(self._call(arguments))
        positions = read_int8s(_value(result, 0))
        refused = read_int4s(_value(result, 1))
        conflicts: dict[int | None, tuple[UUID, int]] = {}
        if refused:
            streams, versions = read_uuids(_value(result, 2)), read_int8s(_value(result, 3))
            clashes = cast("Iterator[tuple[UUID, int]]", zip(streams, versions, strict=True))
            conflicts = dict(zip(refused, clashes, strict=True))
        outcomes: list[Outcome] = []
        start = 0
        for owner, append in enumerate(batch, start=1):
            end = start + len(append.events)
            if owner in conflicts:
                outcomes.append(_conflict(append, *conflicts[owner]))
            else:
                outcomes.append(cast("list[int]", positions[start:end]))
            start = end
        return outcomes

    async def recall(self, appends: Sequence[Append]) -> list[list[int] | None]:
        """Return the positions of each append that is in the log, byte by byte, else None."""
        events = [event for append in appends for event in append.events]
        streams = [stream_of(event) for event in events]
        with self._watched():
            cursor = self._connection.cursor(binary=True)
            await cursor.execute(_RECALL, [streams, [e.originator_version for e in events]])
            rows = await cursor.fetchall()
        found = {
            (stream, version): (position, topic, state)
            for stream, version, position, topic, state in rows
        }
        return [_positions_in(found, append.events) for append in appends]

    def _call(self, arguments: Sequence[bytes]) -> PQGen[PGresult]:
        """Run the statement of an append, which the first one prepares.

        By the driver's steps below its cursors, whose bookkeeping for any query and any types
        takes as long as the rest of a small append.
        """
        pgconn = self._connection.pgconn
        if not self._is_prepared:
            pgconn.send_prepare(_PREPARED, _APPEND)
            yield from _result(pgconn)
            self._is_prepared = True
        pgconn.send_query_prepared(_PREPARED, arguments, _BINARY, result_format=Format.BINARY)
        return (yield from _result(pgconn))

    @contextmanager
    def _watched(self) -> Iterator[None]:
        watchdog = asyncio.get_running_loop().call_later(self._answer_timeout_s, self._break)
        try:
            yield
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


def _result(pgconn: PGconn) -> PQGen[PGresult]:
    """Send what is queued and return its result. Raises the server's errors."""
    results = yield from generators.execute(pgconn)
    for result in results:
        if result.status not in _GOOD:
            raise psycopg.errors.error_from_result(result)
    first: PGresult = results[0]
    return first


def _value(result: PGresult, column: int) -> bytes:
    value = result.get_value(0, column)
    assert value is not None  # noqa: S101 - the function sets every array
    return value


def _append_arguments(batch: Sequence[Append]) -> list[bytes]:
    events = [(owner, event) for owner, a in enumerate(batch, start=1) for event in a.events]
    bodies = [(owner, body) for owner, a in enumerate(batch, start=1) for body in a.bodies]
    return [
        int4_array([owner for owner, _ in events]),
        uuid_array([stream_of(event) for _, event in events]),
        int8_array([event.originator_version for _, event in events]),
        text_array([event.topic for _, event in events]),
        bytea_array([event.state for _, event in events]),
        int4_array([owner for owner, _ in bodies]),
        bytea_array([body.sha256 for _, body in bodies]),
        uuid_array([body.tenant for _, body in bodies]),
        bytea_array([body.packed for _, body in bodies]),
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
