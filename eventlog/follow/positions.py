"""Store followers' positions, and list them for operators."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow, class_row

from domain.core import ids
from eventlog.database.statements import Statement
from eventlog.follow.leader import Connection
from eventlog.process.describe_error import describe

_Cursor = psycopg.AsyncCursor[TupleRow]
_MOVED = "BH001"

_STATES = """
SELECT follower.name, follower.position, log.head,
    greatest(log.head - follower.position, 0) AS lag_events,
    coalesce(
        extract(epoch FROM clock_timestamp() - next.recorded_at) * 1000, 0
    )::bigint AS lag_ms,
    failure.position AS failed_position, failure.error, failure.attempts,
    failure.first_at AS failing_since
FROM eventlog.followers AS follower
CROSS JOIN (SELECT coalesce(max(position), 0) AS head FROM eventlog.events) AS log
LEFT JOIN eventlog.events AS next ON next.position = follower.position + 1
LEFT JOIN eventlog.follower_failures AS failure ON failure.name = follower.name
ORDER BY follower.name
"""


class SteppedDown(Exception):
    """The stored position is not the one we left: someone else moved it."""


@dataclass(frozen=True)
class FollowerState:
    """The stored state of a follower.

    Positions past events of other topics are stored once a second, so that a healthy follower
    may be a second behind here.
    """

    name: str
    position: int
    head: int
    lag_events: int
    lag_ms: int
    failed_position: int | None
    error: str | None
    attempts: int | None
    failing_since: datetime | None

    @property
    def is_failing(self) -> bool:
        """Return whether it stands before an event that its handler raises on."""
        return self.failed_position is not None


async def follower_states(connection: Connection) -> list[FollowerState]:
    """Read how every follower fares."""
    async with connection.cursor(row_factory=class_row(FollowerState)) as cursor:
        await cursor.execute(_STATES)
        return await cursor.fetchall()


async def stored_position(connection: Connection, name: str) -> int:
    """Return the follower's position; a new follower is inserted at 0."""
    await connection.execute(
        "INSERT INTO eventlog.followers VALUES (%s, 0, clock_timestamp()) ON CONFLICT DO NOTHING",
        [name],
    )
    cursor = await connection.execute(
        "SELECT position FROM eventlog.followers WHERE name = %s", [name]
    )
    row = await cursor.fetchone()
    return int(row[0]) if row is not None else 0


async def move(cursor: _Cursor, name: str, *, old: int, new: int) -> None:
    """Move the position in the cursor's transaction. Raises SteppedDown if it is not `old`."""
    await cursor.execute(
        "UPDATE eventlog.followers SET position = %s, updated_at = clock_timestamp()"
        " WHERE name = %s AND position = %s RETURNING 1",
        [new, name, old],
    )
    if await cursor.fetchone() is None:
        raise SteppedDown(name)


def moving(name: str, *, old: int, new: int, notify: str | None) -> Statement:
    """Return the statement that moves the position, raises if it is not `old`, and notifies."""
    return b"SELECT eventlog.move_follower(%s, %s, %s, %s)", [name, old, new, notify]


def is_moved_by_another(error: psycopg.Error) -> bool:
    """Return whether the statement of `moving` found another position."""
    return error.sqlstate == _MOVED


async def failed_attempts(connection: Connection, name: str) -> int:
    """Count the attempts at the event that the follower cannot get past; 0 if it can."""
    cursor = await connection.execute(
        "SELECT attempts FROM eventlog.follower_failures WHERE name = %s", [name]
    )
    row = await cursor.fetchone()
    return int(row[0]) if row is not None else 0


async def record_failure(
    connection: Connection, name: str, *, position: int, error: Exception
) -> int:
    """Record that the event at `position` was tried once more in vain; give the attempts."""
    cursor = await connection.execute(
        "INSERT INTO eventlog.follower_failures AS failure"
        " VALUES (%s, %s, %s, 1, clock_timestamp(), clock_timestamp())"
        " ON CONFLICT (name) DO UPDATE SET"
        " position = excluded.position, error = excluded.error, last_at = excluded.last_at,"
        " attempts = CASE WHEN failure.position = excluded.position"
        "   THEN failure.attempts + 1 ELSE 1 END,"
        " first_at = CASE WHEN failure.position = excluded.position"
        "   THEN failure.first_at ELSE excluded.first_at END"
        " RETURNING attempts",
        [name, position, describe(error)],
    )
    row = await cursor.fetchone()
    return int(row[0]) if row is not None else 1


async def forget_failure(cursor: _Cursor, name: str) -> None:
    """Record that the follower got past it."""
    await cursor.execute("DELETE FROM eventlog.follower_failures WHERE name = %s", [name])


async def is_skipped(connection: Connection, name: str, position: int) -> bool:
    """Report whether an operator recorded that the follower skips the event at `position`."""
    cursor = await connection.execute(
        "SELECT 1 FROM eventlog.events WHERE originator_id = %s LIMIT 1",
        [ids.for_skipped_event(name, position)],
    )
    return await cursor.fetchone() is not None
