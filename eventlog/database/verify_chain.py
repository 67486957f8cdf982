"""Verify the log's hash chains, computed apart from the database that stored them."""

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from eventlog.database.connect import connect
from eventlog.database.detached_events import detached_ranges, is_kept_unaltered
from eventlog.errors import LogUnavailable
from eventlog.gaps import Range

_GENESIS: Final = bytes(32)
_ROWS_AT_ONCE: Final = 1_000

_ONE_STREAM: Final = """
SELECT position, originator_id, originator_version, topic, state, hash,
    NULL::bytea AS earlier_hash, NULL::int8 AS earlier_position
FROM eventlog.events WHERE originator_id = %s ORDER BY originator_version
"""
# From a position on, a stream's first event is checked against the one before it.
_ALL_STREAMS: Final = """
SELECT event.position, event.originator_id, event.originator_version, event.topic, event.state,
    event.hash, earlier.hash, earlier.position
FROM eventlog.events AS event
LEFT JOIN eventlog.events AS earlier
    ON %(start)s::int8 > 1 AND earlier.originator_id = event.originator_id
    AND earlier.originator_version = event.originator_version - 1
WHERE event.position >= %(start)s AND (%(end)s::int8 IS NULL OR event.position <= %(end)s)
ORDER BY event.originator_id, event.originator_version
"""
# Up to the end of the range, or of the log: also what is missing after the last event is counted.
# Of detached partitions only some events are kept, and none is missing.
_COUNTED: Final = """
SELECT count(event.position), count(event.position) FILTER (WHERE NOT EXISTS (
        SELECT FROM eventlog.detached_partitions
        WHERE event.position BETWEEN first_position AND last_position
    )),
    least(%(end)s::int8, newest.position),
    (SELECT coalesce(
            sum(least(last_position, %(end)s) - greatest(first_position, %(start)s) + 1), 0
        )
        FROM eventlog.detached_partitions
        WHERE last_position >= %(start)s AND first_position <= coalesce(%(end)s, last_position)
    )::int8
FROM (SELECT coalesce(max(position), 0) AS position FROM eventlog.events) AS newest
LEFT JOIN eventlog.events AS event
    ON event.position BETWEEN %(start)s AND least(%(end)s::int8, newest.position)
GROUP BY newest.position
"""
_FIRST_MISSING: Final = """
SELECT min(expected.position) FROM generate_series(%(start)s::int8, %(last)s::int8)
    AS expected (position)
WHERE NOT EXISTS (SELECT FROM eventlog.events AS event WHERE event.position = expected.position)
AND NOT EXISTS (SELECT FROM eventlog.detached_partitions
    WHERE expected.position BETWEEN first_position AND last_position)
"""


class _Row(NamedTuple):
    position: int
    stream: UUID
    version: int
    topic: str
    state: bytes
    hash: bytes
    earlier_hash: bytes | None
    earlier_position: int | None


@dataclass(frozen=True)
class Break:
    """The first event of a stream that is not what was recorded."""

    stream: UUID
    version: int
    position: int
    reason: str


@dataclass(frozen=True)
class Report:
    """Number of events checked, and the faults found."""

    events: int
    breaks: list[Break]
    missing_positions: int
    first_missing: int | None = None
    altered: tuple[Range, ...] = ()
    """Detached partitions whose kept events are not those that were kept."""
    detached: tuple[Range, ...] = ()
    """Detached partitions: of them only the events that were kept were checked."""

    @property
    def is_sound(self) -> bool:
        """Report whether the log is what was recorded."""
        return not self.breaks and not self.missing_positions and not self.altered

    @property
    def first_broken(self) -> int | None:
        """Return the first position at which the log is not what was recorded."""
        positions = [found.position for found in self.breaks]
        positions += [altered.first for altered in self.altered]
        if self.first_missing is not None:
            positions.append(self.first_missing)
        return min(positions, default=None)


def verify(
    dsn: str,
    *,
    stream: UUID | None = None,
    start: int = 1,
    end: int | None = None,
    on_progress: Callable[[int, int], None] = lambda _checked, _of: None,
) -> Report:
    """Check the chain of one stream, or of all streams and that no position is missing.

    Reads the events from position `start` to `end` once, in one snapshot, a thousand at a time, and
    calls `on_progress(checked, of)` as often. A chain can't show the loss of the newest events of
    a stream: those that left a gap in the positions are counted. Raises LogUnavailable.
    """
    try:
        return _verify(dsn, stream=stream, start=start, end=end, on_progress=on_progress)
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise LogUnavailable(type(error).__name__) from None


def _verify(
    dsn: str,
    *,
    stream: UUID | None,
    start: int,
    end: int | None,
    on_progress: Callable[[int, int], None],
) -> Report:
    with (
        connect(dsn, application_name="billhook verify", autocommit=False) as connection,
        connection.cursor(name="verify") as cursor,
    ):
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        count, missing, first_missing = 0, 0, None
        detached = detached_ranges(connection, start=start, end=end)
        altered: list[Range] = []
        if stream is None:
            count, missing, first_missing = _count(connection, start=start, end=end)
            altered = [one for one in detached if not is_kept_unaltered(connection, one)]
        cursor.itersize = _ROWS_AT_ONCE
        if stream is None:
            cursor.execute(_ALL_STREAMS, {"start": start, "end": end}, binary=True)
        else:
            cursor.execute(_ONE_STREAM, [stream], binary=True)
        counter = _Counter((_Row(*row) for row in cursor), of=count, on_progress=on_progress)
        breaks = list(find_breaks(counter, detached=detached))
        return Report(
            events=counter.count,
            breaks=breaks,
            missing_positions=missing,
            first_missing=first_missing,
            altered=tuple(altered),
            detached=tuple(detached),
        )


def find_breaks(rows: Iterable[_Row], *, detached: Sequence[Range] = ()) -> Iterator[Break]:
    """Check rows in the order of streams and versions; yield at most one break per stream.

    Of a stream with events in a detached partition the newest one of these may follow a gap. Its
    own hash cannot be checked then; those after it are checked against it.
    """
    stream: UUID | None = None
    version, position, last_hash, is_broken = 0, 0, _GENESIS, False
    for row in rows:
        if row.stream != stream:
            stream, is_broken = row.stream, False
            version, position, last_hash = 0, 0, _GENESIS
            if row.earlier_hash is not None and row.earlier_position is not None:
                version, position = row.version - 1, row.earlier_position
                last_hash = row.earlier_hash
        is_kept = row.version > version + 1 and _is_within(row.position, detached)
        reason = (
            None
            if is_kept and row.position > position
            else _fault(row, version=version, position=position, last_hash=last_hash)
        )
        if reason is not None and not is_broken:
            is_broken = True
            yield Break(
                stream=row.stream, version=row.version, position=row.position, reason=reason
            )
        position, version, last_hash = row.position, row.version, row.hash


def _is_within(position: int, ranges: Iterable[Range]) -> bool:
    return any(one.first <= position <= one.last for one in ranges)


def event_hash(last_hash: bytes, row: _Row) -> bytes:
    """Hash an event as eventlog.append does."""
    topic = row.topic.encode()
    head = struct.pack("!16sqi", row.stream.bytes, row.version, len(topic))
    return hashlib.sha256(last_hash + head + topic + row.state).digest()


def _fault(row: _Row, *, version: int, position: int, last_hash: bytes) -> str | None:
    if row.version != version + 1:
        return f"version {version + 1} is missing"
    if row.position <= position:
        return "recorded before the version that it follows"
    if row.hash != event_hash(last_hash, row):
        return "the hash is not that of the event and its history"
    return None


def _count(
    connection: psycopg.Connection[TupleRow], *, start: int, end: int | None
) -> tuple[int, int, int | None]:
    """Count the events of a range and the positions missing in it; find the first of these."""
    row = connection.execute(_COUNTED, {"start": start, "end": end}).fetchone()
    count, attached, last, detached = (0, 0, start - 1, 0) if row is None else row
    missing = max(last - start + 1, 0) - detached - attached
    if not missing:
        return count, 0, None
    row = connection.execute(_FIRST_MISSING, {"start": start, "last": last}).fetchone()
    return count, missing, None if row is None else row[0]


class _Counter:
    """Counts rows as they are read."""

    def __init__(
        self, rows: Iterable[_Row], *, of: int, on_progress: Callable[[int, int], None]
    ) -> None:
        self._rows = rows
        self._of = of
        self._on_progress = on_progress
        self.count = 0

    def __iter__(self) -> Iterator[_Row]:
        for row in self._rows:
            self.count += 1
            if self.count % _ROWS_AT_ONCE == 0:
                self._on_progress(self.count, self._of)
            yield row
        self._on_progress(self.count, self._of)
