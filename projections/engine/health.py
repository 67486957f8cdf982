"""Report the followers' lag and failures, for readiness and metrics."""

from dataclasses import dataclass
from typing import Final

from psycopg.sql import SQL

from projections.engine.pool import ReadPool


@dataclass(frozen=True)
class FollowerState:
    """A follower: `lag_ms` is the age of the oldest event that it has not passed.

    A projection's name is that of the generation that answers readers; others that are being
    filled or retired go by their own, as `invoices_g2`, and are not `serving`. `failure` names
    the event that it cannot get past. `lock` is the name of its leader's lock.
    """

    name: str
    lock: str
    position: int
    head: int
    lag_events: int
    lag_ms: int
    failure: str | None
    serving: bool


# Also a projection that nobody has begun to follow is told of.
STATES: Final = SQL(
    """
SELECT CASE WHEN known.state = 'active' THEN known.projection ELSE followed.name END AS name,
    followed.name AS lock, followed.position, log.head,
    greatest(log.head - followed.position, 0) AS lag_events,
    coalesce(
        greatest(extract(epoch FROM clock_timestamp() - next.recorded_at) * 1000, 0), 0
    )::bigint AS lag_ms,
    'position ' || failed.position || ', ' || failed.attempts || ' times since '
        || to_char(failed.first_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        || ': ' || failed.error AS failure,
    coalesce(known.state = 'active', true) AS serving
FROM (
    SELECT name, position FROM eventlog.followers
    UNION ALL
    SELECT follower, 0 FROM read.generations
    WHERE state = 'active' AND follower NOT IN (SELECT name FROM eventlog.followers)
) AS followed
CROSS JOIN (SELECT coalesce(max(position), 0) AS head FROM eventlog.events) AS log
LEFT JOIN read.generations AS known ON known.follower = followed.name
LEFT JOIN eventlog.events AS next ON next.position = followed.position + 1
LEFT JOIN eventlog.follower_failures AS failed ON failed.name = followed.name
ORDER BY 1
"""
)

WRITABLE: Final = SQL(
    "(current_setting('transaction_read_only') = 'off' AND NOT pg_is_in_recovery())"
)
_IS_WRITABLE: Final = SQL("SELECT {} AS writable").format(WRITABLE)


async def states(pool: ReadPool) -> list[FollowerState]:
    """Return how every follower fares. Raises ReadModelUnavailable."""
    return [FollowerState(**row) for row in await pool.fetch(STATES)]


async def is_writable(pool: ReadPool) -> bool:
    """Return whether the database accepts writes. Raises ReadModelUnavailable."""
    (row,) = await pool.fetch(_IS_WRITABLE)
    return bool(row["writable"])
