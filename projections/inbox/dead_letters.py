"""Find dead letters: those that are due for another try, and those that an operator chooses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.sql import SQL, Composable, Composed

from domain.inbox.dead_letters import (
    FIRST_RETRY_AFTER_S,
    MOST_RETRIES,
    PASSING_REASONS,
    DeadLetter,
)
from eventlog.database.connect import connect
from projections.engine import keyset
from projections.engine.pool import ReadPool


@dataclass(frozen=True, kw_only=True)
class DeadLetterFilter:
    """Filter of an app's dead letters, the oldest first.

    `reason`: without its details, which follow a colon. `received_from` is included,
    `received_to` is not.
    """

    app_id: UUID
    reason: str | None = None
    connection: str | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None


_DUE: Final[LiteralString] = """
    SELECT id, version FROM read.deliveries
    WHERE state = 'dead' AND times_replayed < %(most)s
        AND split_part(reason, ':', 1) = ANY(%(reasons)s)
        AND updated_at + make_interval(secs => %(first_s)s * 2 ^ times_replayed)
            <= %(now)s
    ORDER BY received_at LIMIT %(limit)s
"""
_FOUND: Final = SQL(
    """
SELECT id, version, count(*) OVER () AS total FROM read.deliveries
WHERE state = 'dead' AND {filter} ORDER BY received_at, id LIMIT %(limit)s
"""
)
_BOUNDS: Final = {
    "received_from": SQL("received_at >= %(received_from)s"),
    "received_to": SQL("received_at < %(received_to)s"),
}


def due_dead_letters(dsn: str, *, now: datetime, limit: int) -> list[DeadLetter]:
    """Return dead letters of all apps whose reason may have passed and that are due for a try."""
    parameters = {
        "most": MOST_RETRIES,
        "reasons": list(PASSING_REASONS),
        "first_s": FIRST_RETRY_AFTER_S,
        "now": now,
        "limit": limit,
    }
    with connect(dsn, application_name="billhook dead letters") as connection:
        rows = connection.execute(_DUE, parameters).fetchall()
    return [DeadLetter(id=row[0], version=row[1]) for row in rows]


class DeadLetterQueries:
    """Questions about an app's dead letters. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def find(self, filters: DeadLetterFilter, *, limit: int) -> tuple[list[DeadLetter], int]:
        """Return dead letters, the oldest first, and how many there are in all."""
        parameters = asdict(filters) | {"limit": limit}
        rows = await self._pool.fetch(_query(filters), parameters)
        letters = [DeadLetter(id=row["id"], version=row["version"]) for row in rows]
        return letters, rows[0]["total"] if rows else 0


def _query(filters: DeadLetterFilter) -> Composed:
    return _FOUND.format(filter=SQL(" AND ").join(_conditions(filters)))


def _conditions(filters: DeadLetterFilter) -> Iterator[Composable]:
    yield from keyset.equal_conditions(filters, ("app_id", "connection"))
    yield from keyset.bound_conditions(filters, _BOUNDS)
    if filters.reason is not None:
        yield SQL("split_part(reason, ':', 1) = %(reason)s")
