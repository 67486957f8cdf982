"""An app's changes in the order of the log, for readers that keep their place."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.sql import SQL

from projections.engine.pool import ReadPool
from projections.invoices.timeline import Kind


@dataclass(frozen=True)
class AppChange:
    """Something that happened to what is named: an invoice, a subscription, a tenant of an app."""

    position: int
    kind: Kind
    subject_id: UUID
    type: str
    occurred_at: datetime
    actor: str
    data: dict[str, Any]


@dataclass(frozen=True)
class AppChanges:
    """Changes, and the position to go on from: nothing up to there is left out."""

    changes: list[AppChange]
    position: int


# What one event changed is never divided between two answers: they would have one position.
# The position reached belongs to the rows: both are seen as one commit left them.
CHANGES: Final = SQL(
    """
WITH page AS (
    SELECT position, kind, subject_id, type, occurred_at, actor, data FROM read.timeline
    WHERE app_id = %(app_id)s AND position > %(after)s
    ORDER BY position FETCH FIRST %(limit)s ROWS WITH TIES
)
SELECT reached.position AS reached, page.*
FROM read.positions AS reached LEFT JOIN page ON true
WHERE reached.projection = 'invoices' ORDER BY page.position, page.subject_id
"""
)


class ChangeQueries:
    """Questions about changes. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def after(self, app_id: UUID, position: int, *, limit: int) -> AppChanges:
        """Return what happened behind a position, oldest first, about `limit` changes."""
        parameters = {"app_id": app_id, "after": position, "limit": limit}
        found = await self._pool.fetch(CHANGES, parameters)
        changes = [
            AppChange(**{name: value for name, value in row.items() if name != "reached"})
            for row in found
            if row["position"] is not None
        ]
        reached = found[0]["reached"] if found else 0
        last = changes[-1].position if len(changes) >= limit else max(reached, position)
        return AppChanges(changes, last)

    async def wait_for_some(self, app_id: UUID, position: int, *, timeout_s: float) -> bool:
        """Return whether anything happened behind a position before the time was over."""
        return await self._pool.notifier.wait_for_app(app_id, position, timeout_s=timeout_s)
