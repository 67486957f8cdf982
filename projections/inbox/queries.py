"""Queries for webhook deliveries: accepted ones of the read model and rejected ones in one list."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Composed

from domain.inbox import delivery_view
from domain.inbox.delivery_view import DeliveryView
from projections.engine import keyset
from projections.engine.keyset import COUNTED_EXACTLY, Page, Parameters
from projections.engine.pool import ReadPool
from projections.inbox.rejected import RejectedDelivery

FAILED: Final = "failed"
STATES: Final = (*delivery_view.STATES, FAILED)


@dataclass(frozen=True)
class DeliveryFilter:
    """Filter and page of an app's deliveries, newest first.

    `state`: any of these; none means all. `failed` are those that were refused: of them neither
    `type` nor `invoice_id` nor `provider_event_id` is known, so that they are in no list by one.
    `received_from` is included, `received_to` is not. `limit`: 1..100.
    """

    app_id: UUID
    state: tuple[str, ...] = ()
    connection: str | None = None
    type: str | None = None
    invoice_id: UUID | None = None
    provider_event_id: str | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None
    limit: int = 20
    cursor: str | None = None

    @property
    def list_name(self) -> str:
        """Name the list that this is a page of."""
        return keyset.list_name("deliveries", self)


_ONLY_OF_PROVED: Final = ("type", "invoice_id", "provider_event_id")
_EQUAL: Final = ("app_id", "connection", *_ONLY_OF_PROVED)
_BOUNDS: Final = {
    "received_from": SQL("received_at >= %(received_from)s"),
    "received_to": SQL("received_at < %(received_to)s"),
}

# Two tables of one shape; what a refused delivery said of itself is not believed.
PROVED: Final = SQL(
    """
SELECT id, app_id, connection, provider, mode, provider_event_id, type, object_type, object_id,
    invoice_id, occurred_at, received_at, updated_at, body, version, state, reason, effects,
    times_applied, times_parked, times_replayed, position,
    NULL::uuid AS connection_id, NULL::bigint AS size_bytes, NULL::text AS body_sha256,
    NULL::text AS content_type, NULL::text AS user_agent, NULL::text AS remote
FROM read.deliveries
"""
)
REFUSED: Final = SQL(
    """
SELECT id, app_id, connection, provider, mode, NULL AS provider_event_id, NULL AS type,
    NULL AS object_type, NULL AS object_id, NULL::uuid AS invoice_id,
    NULL::timestamptz AS occurred_at, received_at, NULL::timestamptz AS updated_at, NULL AS body,
    NULL::bigint AS version, 'failed' AS state, reason, NULL::jsonb AS effects,
    NULL::int AS times_applied, NULL::int AS times_parked, NULL::int AS times_replayed,
    NULL::bigint AS position, connection_id, size_bytes, body_sha256, content_type,
    user_agent, remote
FROM inbox.rejected_deliveries
"""
)
_FOUND: Final = SQL(
    "({columns} WHERE {filter} AND {after} ORDER BY received_at DESC, id DESC LIMIT %(rows)s)"
)
_COUNTED: Final = SQL("(SELECT id FROM {table} WHERE {filter} LIMIT {most})")
_PAGE: Final = SQL(
    """
WITH page AS (
    SELECT * FROM ({found}) AS found ORDER BY received_at DESC, id DESC LIMIT %(rows)s
), total AS (SELECT count(*) AS total FROM ({counted}) AS counted)
SELECT total.total, page.* FROM total LEFT JOIN page ON true
ORDER BY page.received_at DESC, page.id DESC
"""
)


def page_query(filters: DeliveryFilter) -> tuple[Composed, Parameters] | None:
    """Write the one statement that answers with a page (and one row more) and the total.

    None where no delivery can be in the list. Raises BadCursor.
    """
    after, page_key = keyset.after_cursor(
        filters.cursor,
        name=filters.list_name,
        key=SQL("received_at"),
        row_id="id",
        descending=True,
        is_time=True,
    )
    found, counted = [], []
    for columns, table, conditions in _sources(filters):
        condition = SQL(" AND ").join(conditions)
        found.append(_FOUND.format(columns=columns, filter=condition, after=after))
        counted.append(
            _COUNTED.format(table=table, filter=condition, most=SQL(str(COUNTED_EXACTLY + 1)))
        )
    if not found:
        return None
    together = SQL(" UNION ALL ")
    query = _PAGE.format(found=together.join(found), counted=together.join(counted))
    return query, asdict(filters) | page_key | {
        "rows": filters.limit + 1,
        "state": list(filters.state),
    }


def _sources(filters: DeliveryFilter) -> Iterator[tuple[SQL, SQL, list[Composable]]]:
    shared = list(_conditions(filters))
    if filters.state != (FAILED,):
        yield PROVED, SQL("read.deliveries"), [*shared, *keyset.any_of("state", filters.state)]
    about_events = any(getattr(filters, name) is not None for name in _ONLY_OF_PROVED)
    if not about_events and (not filters.state or FAILED in filters.state):
        yield REFUSED, SQL("inbox.rejected_deliveries"), shared


def _conditions(filters: DeliveryFilter) -> Iterator[Composable]:
    yield from keyset.equal_conditions(filters, _EQUAL)
    yield from keyset.bound_conditions(filters, _BOUNDS)


_VIEW: Final = tuple(known.name for known in fields(DeliveryView))
_REFUSED: Final = tuple(known.name for known in fields(RejectedDelivery))
_EXISTS: Final = SQL("SELECT FROM read.deliveries WHERE app_id = %s AND id = %s")
_GET_REFUSED: Final = REFUSED + SQL(" WHERE app_id = %s AND id = %s")


@dataclass(frozen=True)
class DeliveryRow:
    """A provider event as folded up to its event at `position`."""

    view: DeliveryView
    position: int


DeliveryPage = Page[DeliveryRow | RejectedDelivery]


class DeliveryQueries:
    """Questions about deliveries. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def list_deliveries(self, filters: DeliveryFilter) -> DeliveryPage:
        """Return a page of an app's deliveries, newest first. Raises BadCursor."""
        query = page_query(filters)
        if query is None:
            return DeliveryPage([], total=0, total_is_exact=True, next_cursor=None)
        return keyset.page_of(
            await self._pool.fetch(*query),
            row_id="id",
            limit=filters.limit,
            row=_row,
            next_cursor=lambda last: keyset.cursor_after(
                last["received_at"], last["id"], name=filters.list_name
            ),
        )

    async def exists(self, app_id: UUID, delivery_id: UUID) -> bool:
        """Return whether the app has the delivery."""
        return bool(await self._pool.fetch(_EXISTS, [app_id, delivery_id]))

    async def refused(self, app_id: UUID, delivery_id: UUID) -> RejectedDelivery | None:
        """Return a delivery of an app that was refused, while it is kept."""
        found = await self._pool.fetch(_GET_REFUSED, [app_id, delivery_id])
        return _refused(found[0]) if found else None


def _row(row: DictRow) -> DeliveryRow | RejectedDelivery:
    if row["state"] == FAILED:
        return _refused(row)
    return DeliveryRow(DeliveryView(**{name: row[name] for name in _VIEW}), row["position"])


def _refused(row: DictRow) -> RejectedDelivery:
    return RejectedDelivery(**{name: row[name] for name in _REFUSED})
