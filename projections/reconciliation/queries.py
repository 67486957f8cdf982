"""Queries for the drift report: its list and its sums by connection and cause."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Composed

from projections.engine import keyset
from projections.engine.keyset import COUNTED_EXACTLY, Page, Parameters
from projections.engine.pool import ReadPool


@dataclass(frozen=True, kw_only=True)
class DriftFilter:
    """Filter and page of an app's differences, newest first.

    `field`: the name before the first dot, so that `refunds` finds all refunds. `detected_from` is
    included, `detected_to` is not. `limit`: 1..100.
    """

    app_id: UUID
    mode: str | None = None
    provider: str | None = None
    connection: str | None = None
    found_by: str | None = None
    field_root: str | None = None
    object_id: str | None = None
    state: tuple[str, ...] = ()
    detected_from: datetime | None = None
    detected_to: datetime | None = None
    limit: int = 20
    cursor: str | None = None

    @property
    def list_name(self) -> str:
        """Name the list that this is a page of."""
        return keyset.list_name("drift", self)


@dataclass(frozen=True, kw_only=True)
class DriftRow:
    """A difference. `heal_ms`: from the change at the provider, else from its detection."""

    id: UUID
    connection: str
    provider: str
    mode: str
    object_type: str
    object_id: str
    subject_id: UUID | None
    field: str
    ours: str | None
    theirs: str | None
    found_by: str
    reason: str | None
    state: str
    since: datetime | None
    detected_at: datetime
    resolved_at: datetime | None
    heal_ms: int | None
    position: int


@dataclass(frozen=True, kw_only=True)
class DriftSums:
    """Counts and times to heal of one connection, mode and cause."""

    connection: str
    mode: str
    found_by: str
    detected: int
    unresolved: int
    p50_ms: int | None
    p95_ms: int | None
    max_ms: int | None


_EQUAL: Final = (
    "app_id", "mode", "provider", "connection", "found_by", "field_root", "object_id",
)  # fmt: skip
_BOUNDS: Final = {
    "detected_from": SQL("detected_at >= %(detected_from)s"),
    "detected_to": SQL("detected_at < %(detected_to)s"),
}
_COLUMNS: Final = SQL(
    "id, connection, provider, mode, object_type, object_id, subject_id, field, ours, theirs,"
    " found_by, reason, state, since, detected_at, resolved_at, heal_ms, position"
)
_ROWS: Final = SQL(
    """
SELECT {columns} FROM read.drift WHERE {filter} AND {after}
ORDER BY detected_at DESC, id DESC LIMIT %(rows)s
"""
)
_PAGE: Final = SQL(
    """
WITH page AS ({found}), total AS (
    SELECT count(*) AS total FROM (
        SELECT FROM read.drift WHERE {filter} LIMIT {most}
    ) AS counted
)
SELECT total.total, page.* FROM total LEFT JOIN page ON true
ORDER BY page.detected_at DESC, page.id DESC
"""
)
_SUMS: Final = SQL(
    """
SELECT connection, mode, found_by, count(*) AS detected,
    count(*) FILTER (WHERE state = 'open') AS unresolved,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY heal_ms) AS p50_ms,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY heal_ms) AS p95_ms,
    max(heal_ms) AS max_ms
FROM read.drift WHERE {filter}
GROUP BY connection, mode, found_by ORDER BY connection, mode, found_by
"""
)

DriftPage = Page[DriftRow]


def page_query(filters: DriftFilter) -> tuple[Composed, Parameters]:
    """Write the statement for a page (and one row more) and the total. Raises BadCursor."""
    found, parameters = rows_query(filters)
    query = _PAGE.format(
        found=found, filter=_condition(filters), most=SQL(str(COUNTED_EXACTLY + 1))
    )
    return query, parameters


def rows_query(filters: DriftFilter) -> tuple[Composed, Parameters]:
    """Write the statement for a page (and one row more) without the total. Raises BadCursor."""
    after, page_key = keyset.after_cursor(
        filters.cursor,
        name=filters.list_name,
        key=SQL("detected_at"),
        row_id="id",
        descending=True,
        is_time=True,
    )
    query = _ROWS.format(columns=_COLUMNS, filter=_condition(filters), after=after)
    return query, _parameters(filters) | page_key | {"rows": filters.limit + 1}


def _parameters(filters: DriftFilter) -> Parameters:
    return asdict(filters) | {"state": list(filters.state)}


def _condition(filters: DriftFilter) -> Composable:
    return SQL(" AND ").join(_conditions(filters))


def _conditions(filters: DriftFilter) -> Iterator[Composable]:
    yield from keyset.equal_conditions(filters, _EQUAL)
    yield from keyset.any_of("state", filters.state)
    yield from keyset.bound_conditions(filters, _BOUNDS)


class DriftQueries:
    """Questions about differences. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def list_drift(self, filters: DriftFilter) -> DriftPage:
        """Return a page of an app's differences, newest first. Raises BadCursor."""
        return keyset.page_of(
            await self._pool.fetch(*page_query(filters)),
            row_id="id",
            limit=filters.limit,
            row=_row,
            next_cursor=lambda last: _cursor(last, name=filters.list_name),
        )

    async def stream_drift(
        self, filters: DriftFilter, *, chunk: int = 500
    ) -> AsyncIterator[list[DriftRow]]:
        """Return a whole list, a chunk at a time, each a query of its own. Raises BadCursor.

        A difference that is detected meanwhile is not in it; no row is there twice.
        """
        name, filters = filters.list_name, replace(filters, limit=chunk)
        while True:
            rows, next_cursor = keyset.cut(
                await self._pool.fetch(*rows_query(filters)),
                limit=filters.limit,
                next_cursor=lambda last: _cursor(last, name=name),
            )
            yield [_row(row) for row in rows]
            if next_cursor is None:
                return
            filters = replace(filters, cursor=next_cursor)

    async def sums(self, filters: DriftFilter) -> list[DriftSums]:
        """Return counts and times to heal by connection, mode and cause; the page is ignored."""
        query = _SUMS.format(filter=_condition(filters))
        return [DriftSums(**row) for row in await self._pool.fetch(query, _parameters(filters))]


def _row(row: DictRow) -> DriftRow:
    row.pop("total", None)
    return DriftRow(**row)


def _cursor(last: DictRow, *, name: str) -> str:
    return keyset.cursor_after(last["detected_at"], last["id"], name=name)
