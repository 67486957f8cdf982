"""Proof that nobody rewrote the log: the hash chain, computed anew and apart from the database."""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from eventlog.database.connect import connect

_GENESIS = bytes(32)
_ROWS_AT_ONCE = 1_000

_ONE_STREAM = """
SELECT position, originator_id, originator_version, topic, state, hash
FROM eventlog.events WHERE originator_id = %s ORDER BY originator_version
"""
_ALL_STREAMS = """
SELECT position, originator_id, originator_version, topic, state, hash
FROM eventlog.events ORDER BY originator_id, originator_version
"""
_COUNTED = "SELECT count(*), coalesce(max(position), 0) FROM eventlog.events"

_Row = tuple[int, UUID, int, str, bytes, bytes]


@dataclass(frozen=True)
class Break:
    """The first place where a stream is not what was recorded."""

    stream: UUID
    version: int
    position: int
    reason: str


@dataclass(frozen=True)
class Report:
    """What was checked, and what is wrong."""

    events: int
    breaks: list[Break]
    missing_positions: int

    @property
    def is_sound(self) -> bool:
        """Tell whether the log is what was recorded."""
        return not self.breaks and not self.missing_positions


def verify(dsn: str, *, stream: UUID | None = None) -> Report:
    """Check the chain of one stream, or of all and that no position is missing.

    Reads the log once, in one snapshot, a thousand events at a time. What a chain cannot show is
    the loss of the newest events of a stream: those that left a gap in the positions are counted.
    """
    with (
        connect(dsn, application_name="billhook verify", autocommit=False) as connection,
        connection.cursor(name="verify") as cursor,
    ):
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        missing = 0 if stream is not None else _missing_positions(connection)
        cursor.itersize = _ROWS_AT_ONCE
        if stream is None:
            cursor.execute(_ALL_STREAMS, binary=True)
        else:
            cursor.execute(_ONE_STREAM, [stream], binary=True)
        counter = _Counter(cursor)
        breaks = list(find_breaks(counter))
        return Report(events=counter.count, breaks=breaks, missing_positions=missing)


def find_breaks(rows: Iterable[_Row]) -> Iterator[Break]:
    """Check rows in the order of streams and versions; at most one break per stream."""
    stream: UUID | None = None
    version, position, last_hash, is_broken = 0, 0, _GENESIS, False
    for row in rows:
        if row[1] != stream:
            stream, version, position, last_hash, is_broken = row[1], 0, 0, _GENESIS, False
        reason = _wrong(row, version=version, position=position, last_hash=last_hash)
        if reason is not None and not is_broken:
            is_broken = True
            yield Break(stream=row[1], version=row[2], position=row[0], reason=reason)
        position, version, last_hash = row[0], row[2], row[5]


def event_hash(last_hash: bytes, row: _Row) -> bytes:
    """Hash an event as eventlog.append does."""
    _, stream, version, topic, state, _ = row
    named = topic.encode()
    head = struct.pack("!16sqi", stream.bytes, version, len(named))
    return hashlib.sha256(last_hash + head + named + state).digest()


def _wrong(row: _Row, *, version: int, position: int, last_hash: bytes) -> str | None:
    if row[2] != version + 1:
        return f"version {version + 1} is missing"
    if row[0] <= position:
        return "recorded before the version that it follows"
    if row[5] != event_hash(last_hash, row):
        return "the hash is not that of the event and its history"
    return None


def _missing_positions(connection: psycopg.Connection[TupleRow]) -> int:
    row = connection.execute(_COUNTED).fetchone()
    return row[1] - row[0] if row is not None else 0


class _Counter:
    """Counts rows as they go by."""

    def __init__(self, rows: Iterable[_Row]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[_Row]:
        for row in self._rows:
            self.count += 1
            yield row
