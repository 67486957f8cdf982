"""Queries for subscriptions: a filtered list, one subscription, its timeline."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Composed

from domain.subscriptions.view import SubscriptionView
from projections.engine import keyset
from projections.engine.keyset import COUNTED_EXACTLY, Page, Parameters
from projections.engine.pool import ReadPool
from projections.engine.view_codec import SUBSCRIPTIONS as VIEWS
from projections.invoices.queries import TimelineEntry

Sort = Literal["-createdAt", "createdAt"]


@dataclass(frozen=True)
class SubscriptionFilter:
    """Filter, order and page of an app's subscriptions.

    `status`: any of these; none means all. `unassigned`: only those that are no tenant's yet.
    `created_from` is included, `created_to` is not. `limit`: 1..100.
    """

    app_id: UUID
    tenant_id: UUID | None = None
    unassigned: bool = False
    provider: str | None = None
    status: tuple[str, ...] = ()
    mode: str | None = None
    user_id: str | None = None
    customer: str | None = None
    connection: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    sort: Sort = "-createdAt"
    limit: int = 20
    cursor: str | None = None

    @property
    def list_name(self) -> str:
        """Name the list that this is a page of."""
        return keyset.list_name("subscriptions", self)


_EQUAL: Final = (
    "app_id", "tenant_id", "provider", "mode", "user_id", "customer", "connection",
)  # fmt: skip
_BOUNDS: Final = {
    "created_from": SQL("created_at >= %(created_from)s"),
    "created_to": SQL("created_at < %(created_to)s"),
}
_PAGE: Final = SQL(
    """
WITH page AS (
    SELECT created_at, subscription_id, view::text AS view, position FROM read.subscriptions
    WHERE {filter} AND {after}
    ORDER BY created_at {direction}, subscription_id {direction}
    LIMIT %(rows)s
), total AS (
    SELECT count(*) AS total
    FROM (SELECT subscription_id FROM read.subscriptions WHERE {filter} LIMIT {most}) AS counted
)
SELECT total.total, page.* FROM total LEFT JOIN page ON true
ORDER BY page.created_at {direction}, page.subscription_id {direction}
"""
)


def page_query(filters: SubscriptionFilter) -> tuple[Composed, Parameters]:
    """Write the statement for a page, one row more, and the total. Raises BadCursor."""
    descending = filters.sort.startswith("-")
    after, page_key = keyset.after_cursor(
        filters.cursor,
        name=filters.list_name,
        key=SQL("created_at"),
        row_id="subscription_id",
        descending=descending,
        is_time=True,
    )
    query = _PAGE.format(
        filter=SQL(" AND ").join(_conditions(filters)),
        after=after,
        direction=SQL("DESC" if descending else "ASC"),
        most=SQL(str(COUNTED_EXACTLY + 1)),
    )
    return query, asdict(filters) | page_key | {
        "rows": filters.limit + 1,
        "status": list(filters.status),
    }


def _conditions(filters: SubscriptionFilter) -> Iterator[Composable]:
    yield from keyset.equal_conditions(filters, _EQUAL)
    yield from keyset.any_of("status", filters.status)
    if filters.unassigned:
        yield SQL("tenant_id IS NULL")
    yield from keyset.bound_conditions(filters, _BOUNDS)


@dataclass(frozen=True)
class SubscriptionRow:
    """A subscription as folded up to its event at `position`."""

    view: SubscriptionView
    position: int


SubscriptionPage = Page[SubscriptionRow]


_GET: Final = SQL(
    "SELECT view::text AS view, position FROM read.subscriptions"
    " WHERE app_id = %(app_id)s AND subscription_id = %(subscription_id)s"
)
SUBSCRIPTION_BY_PROVIDER_ID: Final = SQL(
    "SELECT view::text AS view, position FROM read.subscriptions"
    " WHERE app_id = %(app_id)s AND provider_subscription_id = %(provider_subscription_id)s"
    " ORDER BY created_at, subscription_id LIMIT 1"
)
# Whose it is stands with each entry: the row is another projection's, which may be behind.
_TIMELINE: Final = SQL(
    "SELECT position, type, occurred_at, actor, data FROM read.timeline"
    " WHERE subject_id = %(subscription_id)s AND app_id = %(app_id)s ORDER BY position"
)


class SubscriptionQueries:
    """Questions about subscriptions. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def list_subscriptions(self, filters: SubscriptionFilter) -> SubscriptionPage:
        """Return a page of an app's subscriptions, with their total. Raises BadCursor."""
        return keyset.page_of(
            await self._pool.fetch(*page_query(filters)),
            row_id="subscription_id",
            limit=filters.limit,
            row=_row,
            next_cursor=lambda last: keyset.cursor_after(
                last["created_at"], last["subscription_id"], name=filters.list_name
            ),
        )

    async def get_subscription(self, app_id: UUID, subscription_id: UUID) -> SubscriptionRow | None:
        """Return one subscription of an app."""
        parameters = {"app_id": app_id, "subscription_id": subscription_id}
        found = await self._pool.fetch(_GET, parameters)
        return _row(found[0]) if found else None

    async def by_provider_id(
        self, app_id: UUID, provider_subscription_id: str
    ) -> SubscriptionRow | None:
        """Return the app's subscription that the provider knows by an id (`sub_…`)."""
        parameters = {"app_id": app_id, "provider_subscription_id": provider_subscription_id}
        found = await self._pool.fetch(SUBSCRIPTION_BY_PROVIDER_ID, parameters)
        return _row(found[0]) if found else None

    async def timeline(self, app_id: UUID, subscription_id: UUID) -> list[TimelineEntry]:
        """Return all that happened to a subscription, in the order of the log."""
        parameters = {"app_id": app_id, "subscription_id": subscription_id}
        return [TimelineEntry(**row) for row in await self._pool.fetch(_TIMELINE, parameters)]


def _row(row: DictRow) -> SubscriptionRow:
    return SubscriptionRow(VIEWS.from_json(row["view"]), row["position"])
