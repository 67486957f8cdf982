"""What a list of deliveries can be asked for, as SQL."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Composed, Placeholder

from domain.inbox import delivery_view
from domain.inbox.delivery_view import DeliveryView
from projections.engine import cursors
from projections.engine.cursors import PageKey
from projections.engine.pool import ReadPool
from projections.inbox.rejected import RejectedDelivery

FAILED: Final = "failed"
STATES: Final = (*delivery_view.STATES, FAILED)
COUNTED_EXACTLY: Final = 10_000


@dataclass(frozen=True)
class DeliveryFilter:
    """Which deliveries of an app, newest first, and which page of them.

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
        asked = asdict(self)
        for paging in ("limit", "cursor"):
            del asked[paging]
        asked["state"] = sorted(set(self.state))
        return cursors.fingerprint("deliveries", asked)


Parameters = dict[str, object]
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


def page_query(asked: DeliveryFilter) -> tuple[Composed, Parameters] | None:
    """Write the one statement that answers with a page (and one row more) and the total.

    None where no delivery can be in the list. Raises BadCursor.
    """
    after, place = _after(asked)
    found, counted = [], []
    for columns, table, conditions in _sources(asked):
        condition = SQL(" AND ").join(conditions)
        found.append(_FOUND.format(columns=columns, filter=condition, after=after))
        counted.append(
            _COUNTED.format(table=table, filter=condition, most=SQL(str(COUNTED_EXACTLY + 1)))
        )
    if not found:
        return None
    together = SQL(" UNION ALL ")
    query = _PAGE.format(found=together.join(found), counted=together.join(counted))
    return query, asdict(asked) | place | {"rows": asked.limit + 1, "state": list(asked.state)}


def cursor_after(asked: DeliveryFilter, *, received_at: datetime, delivery_id: UUID) -> str:
    """Write the cursor that goes on after a row."""
    place = PageKey(cursors.to_microseconds(received_at), delivery_id)
    return cursors.write(place, list_name=asked.list_name)


def _sources(asked: DeliveryFilter) -> Iterator[tuple[SQL, SQL, list[Composable]]]:
    shared = list(_conditions(asked))
    if asked.state != (FAILED,):
        yield PROVED, SQL("read.deliveries"), [*shared, *_of_state(asked)]
    about_events = any(getattr(asked, name) is not None for name in _ONLY_OF_PROVED)
    if not about_events and (not asked.state or FAILED in asked.state):
        yield REFUSED, SQL("inbox.rejected_deliveries"), shared


def _conditions(asked: DeliveryFilter) -> Iterator[Composable]:
    for name in _EQUAL:
        if getattr(asked, name) is not None:
            yield SQL("{} = {}").format(SQL(name), Placeholder(name))
    for name, condition in _BOUNDS.items():
        if getattr(asked, name) is not None:
            yield condition


def _of_state(asked: DeliveryFilter) -> Iterator[Composable]:
    if len(asked.state) == 1:
        yield SQL("state = (%(state)s::text[])[1]")
    elif asked.state:
        yield SQL("state = ANY(%(state)s::text[])")


def _after(asked: DeliveryFilter) -> tuple[Composable, Parameters]:
    if asked.cursor is None:
        return SQL("true"), {}
    place = cursors.read(asked.cursor, list_name=asked.list_name)
    after = cursors.from_microseconds(place.value)
    condition = SQL("(received_at, id) < (%(after)s, %(after_id)s)")
    return condition, {"after": after, "after_id": place.id}


# What readers may ask about deliveries.

_VIEW: Final = tuple(known.name for known in fields(DeliveryView))
_REFUSED: Final = tuple(known.name for known in fields(RejectedDelivery))
_GET_REFUSED: Final = REFUSED + SQL(" WHERE app_id = %s AND id = %s")


@dataclass(frozen=True)
class DeliveryRow:
    """A provider event as folded up to its event at `position`."""

    view: DeliveryView
    position: int


@dataclass(frozen=True)
class DeliveryPage:
    """A page of a list; `total` is 10,000 where there are more and it is not exact."""

    rows: list[DeliveryRow | RejectedDelivery]
    total: int
    total_is_exact: bool
    next_cursor: str | None


class DeliveryQueries:
    """Questions about deliveries. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def list_deliveries(self, asked: DeliveryFilter) -> DeliveryPage:
        """Return a page of an app's deliveries, newest first. Raises BadCursor."""
        query = page_query(asked)
        if query is None:
            return DeliveryPage([], total=0, total_is_exact=True, next_cursor=None)
        found = await self._pool.fetch(*query)
        total = found[0]["total"]
        rows = [row for row in found if row["id"] is not None]
        next_cursor = None
        if len(rows) > asked.limit:
            del rows[asked.limit :]
            last = rows[-1]
            next_cursor = cursor_after(
                asked, received_at=last["received_at"], delivery_id=last["id"]
            )
        return DeliveryPage(
            rows=[_row(row) for row in rows],
            total=min(total, COUNTED_EXACTLY),
            total_is_exact=total <= COUNTED_EXACTLY,
            next_cursor=next_cursor,
        )

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
