"""Circuit breakers that are open, for metrics and operators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.rows import class_row
from psycopg.sql import SQL

from eventlog.database.connect import connect
from projections.engine.pool import ReadPool

_OPEN: Final[LiteralString] = """
    SELECT app, connection, timeouts, opened_at FROM work.breakers
    WHERE opened_at IS NOT NULL ORDER BY opened_at
"""


@dataclass(frozen=True, kw_only=True)
class OpenBreaker:
    """A connection that did not answer the last `timeouts` jobs; one probe at a time calls it."""

    app: UUID
    connection: str
    timeouts: int
    opened_at: datetime


def open_breakers(dsn: str) -> list[OpenBreaker]:
    """List the open breakers, on a session of their own."""
    with connect(dsn, application_name="billhook breakers") as connection:
        cursor = connection.cursor(row_factory=class_row(OpenBreaker))
        cursor.execute(_OPEN)
        return cursor.fetchall()


async def fetch_open_breakers(pool: ReadPool) -> list[OpenBreaker]:
    """List the open breakers. Raises ReadModelUnavailable."""
    return [OpenBreaker(**row) for row in await pool.fetch(SQL(_OPEN))]
