"""What a list of deliveries can be asked for, as SQL."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.sql import SQL, Composable, Composed, Placeholder

from domain import delivery_view
from projections import cursors
from projections.cursors import Place

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
FROM inbox.refused
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


def place_of(asked: DeliveryFilter, *, received_at: datetime, delivery_id: UUID) -> str:
    """Write the cursor that goes on after a row."""
    place = Place(cursors.to_microseconds(received_at), delivery_id)
    return cursors.write(place, list_name=asked.list_name)


def _sources(asked: DeliveryFilter) -> Iterator[tuple[SQL, SQL, list[Composable]]]:
    shared = list(_conditions(asked))
    if asked.state != (FAILED,):
        yield PROVED, SQL("read.deliveries"), [*shared, *_of_state(asked)]
    about_events = any(getattr(asked, name) is not None for name in _ONLY_OF_PROVED)
    if not about_events and (not asked.state or FAILED in asked.state):
        yield REFUSED, SQL("inbox.refused"), shared


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
