"""Digests of a partition's rows, by which to see that they are those that were detached."""

import hashlib
from typing import Final

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Identifier

from eventlog.gaps import Range

Connection = psycopg.Connection[TupleRow]

_ROWS: Final = SQL(
    "COPY (SELECT position, originator_id, originator_version, topic, state, hash, recorded_at"
    " FROM {} ORDER BY position) TO STDOUT (FORMAT binary)"
)
_IN_RANGE: Final = SQL("eventlog.events WHERE position BETWEEN {} AND {}")
_DETACHED: Final = (
    "SELECT first_position, last_position FROM eventlog.detached_partitions"
    " WHERE last_position >= %s AND first_position <= coalesce(%s::int8, last_position) ORDER BY 1"
)


def table_of(first: int) -> Identifier:
    """Return the table of the partition that begins at a position."""
    return Identifier("eventlog", f"events_from_{first}")


def kept_table_of(first: int) -> Identifier:
    """Return the table of the events kept of a detached partition."""
    return Identifier("eventlog", f"events_from_{first}_kept")


def digest(connection: Connection, source: Composable) -> bytes:
    """Return the sha256 of a table's rows, in the order of their positions."""
    sha256 = hashlib.sha256()
    with connection.cursor().copy(_ROWS.format(source)) as rows:
        for part in rows:
            sha256.update(part)
    return sha256.digest()


def detached_ranges(connection: Connection, *, start: int, end: int | None) -> list[Range]:
    """Return the detached partitions that have positions from `start` to `end`."""
    return [Range(*row) for row in connection.execute(_DETACHED, [start, end])]


def is_kept_unaltered(connection: Connection, partition: Range) -> bool:
    """Return whether the events kept of a detached partition are those that were recorded."""
    row = connection.execute(
        "SELECT kept_sha256 FROM eventlog.detached_partitions WHERE first_position = %s",
        [partition.first],
    ).fetchone()
    # Not from their table, which the runtime role may not read.
    return row is not None and row[0] == digest(connection, _IN_RANGE.format(*partition))
