"""The questions asked of the log, each one query."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast
from uuid import UUID

import psycopg
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Notification, StoredEvent
from psycopg.rows import TupleRow, args_row

from eventlog.bodies import unpack
from eventlog.errors import EventsDetached, HistoryDetached
from eventlog.gaps import Range, first_detached, missing_between, next_event

Connection = psycopg.AsyncConnection[TupleRow]

_EVENT = "SELECT originator_id, originator_version, topic, state, position FROM eventlog.events "
_OF_STREAM = (
    _EVENT + "WHERE originator_id = %s AND originator_version > %s"
    " AND originator_version <= coalesce(%s::bigint, 9223372036854775807)"
    " ORDER BY originator_version {order} LIMIT %s::bigint"
)
_OLDEST_FIRST = _OF_STREAM.format(order="ASC")
_NEWEST_FIRST = _OF_STREAM.format(order="DESC")
# LATERAL and sorted, so that any plan reads each stream by its index: it may be planned once.
_OF_STREAMS = """
SELECT event.*
FROM unnest(%s::uuid[], %s::bigint[]) AS given (id, after)
CROSS JOIN LATERAL (
    SELECT originator_id, originator_version, topic, state, position FROM eventlog.events
    WHERE originator_id = given.id AND originator_version > given.after
    ORDER BY originator_version
) AS event
ORDER BY event.originator_id, event.originator_version
"""
_PACKED_BODIES = """
SELECT sha256, CASE WHEN sum(size) OVER (ORDER BY nr) - size <= %s THEN bytes END
FROM (
    SELECT given.nr, given.sha256, body.bytes, octet_length(body.bytes) AS size
    FROM unnest(%s::bytea[]) WITH ORDINALITY AS given (sha256, nr)
    CROSS JOIN LATERAL (
        SELECT bytes FROM eventlog.bodies WHERE bodies.sha256 = given.sha256 LIMIT 1
    ) AS body
) AS found
"""

_DECODED: Final = "_decoded"


@dataclass(frozen=True)
class RecordedEvent(Notification):
    """A stored event and its place in the log."""

    @property
    def position(self) -> int:
        """Place in the log, counted from 1 without gaps."""
        return self.id

    def share(self) -> None:
        """Keep the event decoded from now on: several followers of a process decode it."""
        self.__dict__[_DECODED] = None

    def forget_decoded(self) -> None:
        """Free the decoded event."""
        self.__dict__.pop(_DECODED, None)

    def decoded(
        self, decode: Callable[[StoredEvent], DomainEventProtocol[UUID]]
    ) -> DomainEventProtocol[UUID]:
        """Decode the event, once if it is shared. Its readers must not change it."""
        if _DECODED not in self.__dict__:
            return decode(self)
        known: DomainEventProtocol[UUID] = self.__dict__[_DECODED] or decode(self)
        self.__dict__[_DECODED] = known
        return known

    def stored(self) -> StoredEvent:
        """Return the event without its position."""
        return StoredEvent(self.originator_id, self.originator_version, self.topic, self.state)


async def _events(
    connection: Connection, query: str, values: Sequence[object]
) -> list[RecordedEvent]:
    async with connection.cursor(binary=True, row_factory=args_row(RecordedEvent)) as cursor:
        await cursor.execute(query, values)  # type: ignore[call-overload,unused-ignore]
        return await cursor.fetchall()


async def read_stream(
    connection: Connection,
    stream: UUID,
    *,
    after_version: int = 0,
    up_to_version: int | None = None,
    newest_first: bool = False,
    limit: int | None = None,
) -> list[RecordedEvent]:
    """Read one stream in the order of its versions. Raises HistoryDetached."""
    query = _NEWEST_FIRST if newest_first else _OLDEST_FIRST
    values = [stream, after_version, up_to_version, limit]
    events = await _events(connection, query, values)
    gap = await _gap(
        connection,
        stream,
        events[::-1] if newest_first else events,
        after_version=after_version,
        up_to_version=up_to_version,
        is_cut=None if limit is None or len(events) < limit else newest_first,
    )
    if gap is not None:
        await _raise_if_detached(connection, stream, gap)
        events = await _events(connection, query, values)  # attached meanwhile, perhaps
    return events


async def _gap(
    connection: Connection,
    stream: UUID,
    events: Sequence[RecordedEvent],
    *,
    after_version: int,
    up_to_version: int | None,
    is_cut: bool | None,
) -> Range | None:
    """Find where events of the stream are missing. `is_cut`: a limit ended the newest first."""
    start = events[0].originator_version - 1 if is_cut and events else after_version
    gap = missing_between(events, after_version=start)
    if gap is not None or up_to_version is None or is_cut is False:
        return gap
    last, position = (events[-1].originator_version, events[-1].position) if events else (start, 0)
    following = await next_event(connection, stream, after_version=last)
    if following is None or following[0] == last + 1:
        return None
    return Range(position, following[1])


async def _raise_if_detached(connection: Connection, stream: UUID, gap: Range) -> None:
    found = await first_detached(connection, after=gap.first, up_to=gap.last)
    if found is not None:
        raise HistoryDetached(stream, *found)


async def read_streams(
    connection: Connection, streams: Collection[UUID], after_versions: Mapping[UUID, int]
) -> dict[UUID, list[RecordedEvent]]:
    """Read streams in one query: those of `after_versions` after a version, others as a whole.

    A stream without events has an empty list. Raises HistoryDetached.
    """
    found = await _streams(connection, streams, after_versions)
    gaps = {
        stream: gap
        for stream, events in found.items()
        if (gap := missing_between(events, after_version=after_versions.get(stream, 0)))
    }
    if gaps:
        for stream, gap in gaps.items():
            await _raise_if_detached(connection, stream, gap)
        found = await _streams(connection, streams, after_versions)  # attached meanwhile, perhaps
    return found


async def _streams(
    connection: Connection, streams: Collection[UUID], after_versions: Mapping[UUID, int]
) -> dict[UUID, list[RecordedEvent]]:
    found: dict[UUID, list[RecordedEvent]] = {stream: [] for stream in streams}
    values = [list(found), [after_versions.get(stream, 0) for stream in found]]
    for event in await _events(connection, _OF_STREAMS, values):
        found[cast("UUID", event.originator_id)].append(event)  # of a column of ids
    return found


async def read_log(
    connection: Connection,
    after_position: int,
    *,
    limit: int,
    up_to_position: int | None = None,
    topics: Collection[str] | None = None,
    kept_whole: bool = False,
) -> list[RecordedEvent]:
    """Read the log in order, all topics or some. Raises EventsDetached.

    `kept_whole`: the topics are of streams that stay whole where a partition is detached, so that
    their events are here in any case.
    """
    query = (
        _EVENT + "WHERE position > %s"
        " AND position <= coalesce(%s::bigint, 9223372036854775807)"
        + (" AND topic = ANY(%s)" if topics is not None else "")
        + " ORDER BY position LIMIT %s"
    )
    filtered = [] if topics is None else [list(topics)]
    values = [after_position, up_to_position, *filtered, limit]
    if kept_whole:
        return await _events(connection, query, values)
    detached = await first_detached(connection, after=after_position, up_to=up_to_position)
    events = await _events(connection, query, values)
    end = events[-1].position if events and len(events) == limit else up_to_position
    # Asked before and after: a partition may be detached or attached meanwhile.
    detached = detached or await first_detached(connection, after=after_position, up_to=end)
    if detached is not None and (end is None or detached.first <= end):
        raise EventsDetached(*detached)
    return events


async def read_head(connection: Connection) -> int:
    """Return the newest position; 0 while the log is empty."""
    cursor = await connection.execute("SELECT coalesce(max(position), 0) FROM eventlog.events")
    row = await cursor.fetchone()
    return int(row[0]) if row is not None else 0


async def stream_exists(connection: Connection, stream: UUID) -> bool:
    """Return whether the stream has an event."""
    cursor = await connection.execute(
        "SELECT 1 FROM eventlog.events WHERE originator_id = %s LIMIT 1", [stream]
    )
    return await cursor.fetchone() is not None


async def existing_streams(connection: Connection, streams: Collection[UUID]) -> set[UUID]:
    """Return which of the streams have an event."""
    cursor = await connection.execute(
        "SELECT id FROM unnest(%s::uuid[]) AS given (id)"
        " WHERE EXISTS (SELECT FROM eventlog.events WHERE originator_id = id)",
        [list(streams)],
    )
    return {row[0] async for row in cursor}


async def read_bodies(connection: Connection, sha256s: Collection[bytes]) -> dict[bytes, bytes]:
    """Return the stored bodies' bytes by hash. Raises BodyDamaged."""
    cursor = connection.cursor(binary=True)
    await cursor.execute(
        "SELECT DISTINCT ON (sha256) sha256, bytes FROM eventlog.bodies WHERE sha256 = ANY(%s)",
        [list(sha256s)],
    )
    return {sha256: unpack(packed, sha256=sha256) async for sha256, packed in cursor}


async def read_packed_bodies(
    connection: Connection, sha256s: Sequence[bytes], *, most_bytes: int
) -> dict[bytes, bytes | None]:
    """Return bodies as stored, by hash; `unpack` reads them. Those that were erased are missing.

    Bodies that follow on more than `most_bytes` are None: they are to be read next.
    """
    cursor = connection.cursor(binary=True)
    await cursor.execute(_PACKED_BODIES, [most_bytes, list(sha256s)])
    return dict(await cursor.fetchall())


async def delete_bodies(connection: Connection, tenant: UUID) -> int:
    """Delete a tenant's bodies; return their number."""
    cursor = await connection.execute("DELETE FROM eventlog.bodies WHERE tenant = %s", [tenant])
    return cursor.rowcount
