"""List the partitions of the log."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import psycopg
from psycopg.rows import TupleRow, class_row

from eventlog.database.connect import connect
from eventlog.errors import LogUnavailable

Connection = psycopg.Connection[TupleRow]


class State(StrEnum):
    """State of a partition."""

    ATTACHED = "attached"
    OPEN = "open"
    """The next event is recorded in it."""
    AHEAD = "ahead"
    """Made for later events."""
    DETACHED = "detached"
    """Its table is no part of the log; events kept of it are in its place."""


@dataclass(frozen=True)
class Partition:
    """A partition: `size_bytes` with its indexes, None where its table is not in the database.

    The hashes are those of its first and last event.
    """

    first: int
    last: int
    state: State
    events: int
    size_bytes: int | None
    kept_bytes: int | None
    first_hash: bytes | None
    last_hash: bytes | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", State(self.state))


_PARTITIONS: Final = r"""
WITH head AS (SELECT coalesce(max(position), 0) AS position FROM eventlog.events),
known AS (
    SELECT substring(relname FROM '^events_from_(\d+)$')::int8 AS first
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'eventlog.events'::regclass AND relname ~ '^events_from_\d+$'
),
attached AS (
    SELECT first, first + size - 1 AS last, open_first, head.position AS head
    FROM known CROSS JOIN eventlog.partitioning CROSS JOIN head
)
SELECT attached.first, attached.last,
    CASE WHEN attached.first < open_first THEN 'attached' WHEN attached.first = open_first
        THEN 'open' ELSE 'ahead' END AS state,
    greatest(least(attached.last, head) - attached.first + 1, 0) AS events,
    pg_total_relation_size(to_regclass('eventlog.events_from_' || attached.first)) AS size_bytes,
    NULL::int8 AS kept_bytes,
    (SELECT hash FROM eventlog.events WHERE position = attached.first) AS first_hash,
    (SELECT hash FROM eventlog.events WHERE position = least(attached.last, head)
        AND position >= attached.first) AS last_hash
FROM attached
UNION ALL
SELECT first_position, last_position, 'detached', last_position - first_position + 1,
    pg_total_relation_size(to_regclass('eventlog.events_from_' || first_position)),
    pg_total_relation_size(to_regclass(format('eventlog.events_from_%s_kept', first_position))),
    first_hash, last_hash
FROM eventlog.detached_partitions
ORDER BY first
"""


def read_partitions(dsn: str) -> list[Partition]:
    """Return the partitions in the order of their positions. Raises LogUnavailable."""
    try:
        with connect(dsn, application_name="billhook partitions") as connection:
            return partitions(connection)
    except psycopg.OperationalError as error:
        raise LogUnavailable("no connection") from error


def partitions(connection: Connection) -> list[Partition]:
    """Return the partitions in the order of their positions."""
    with connection.cursor(row_factory=class_row(Partition)) as cursor:
        return cursor.execute(_PARTITIONS).fetchall()
