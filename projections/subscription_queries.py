"""What readers may ask about subscriptions."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.sql import SQL

from domain.subscription_view import SubscriptionView
from projections.pool import ReadPool
from projections.queries import TimelineEntry
from projections.subscription_lists import (
    COUNTED_EXACTLY,
    SubscriptionFilter,
    page_query,
    place_of,
)
from projections.view_codec import SUBSCRIPTIONS as VIEWS


@dataclass(frozen=True)
class SubscriptionRow:
    """A subscription as folded up to its event at `position`."""

    view: SubscriptionView
    position: int


@dataclass(frozen=True)
class SubscriptionPage:
    """A page of a list; `total` is 10,000 where there are more and it is not exact."""

    rows: list[SubscriptionRow]
    total: int
    total_is_exact: bool
    next_cursor: str | None


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
    "SELECT position, type, at, by, data FROM read.timeline"
    " WHERE subject_id = %(subscription_id)s AND app_id = %(app_id)s ORDER BY position"
)


class SubscriptionQueries:
    """Questions about subscriptions. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def list_subscriptions(self, asked: SubscriptionFilter) -> SubscriptionPage:
        """Return a page of an app's subscriptions, with their total. Raises BadCursor."""
        found = await self._pool.fetch(*page_query(asked))
        total = found[0]["total"]
        rows = [row for row in found if row["subscription_id"] is not None]
        next_cursor = None
        if len(rows) > asked.limit:
            del rows[asked.limit :]
            last = rows[-1]
            next_cursor = place_of(
                asked, created_at=last["created_at"], subscription_id=last["subscription_id"]
            )
        return SubscriptionPage(
            rows=[_row(row) for row in rows],
            total=min(total, COUNTED_EXACTLY),
            total_is_exact=total <= COUNTED_EXACTLY,
            next_cursor=next_cursor,
        )

    async def get_subscription(self, app_id: UUID, subscription_id: UUID) -> SubscriptionRow | None:
        """Return one subscription of an app."""
        asked = {"app_id": app_id, "subscription_id": subscription_id}
        found = await self._pool.fetch(_GET, asked)
        return _row(found[0]) if found else None

    async def by_provider_id(
        self, app_id: UUID, provider_subscription_id: str
    ) -> SubscriptionRow | None:
        """Return the app's subscription that the provider knows by an id (`sub_…`)."""
        asked = {"app_id": app_id, "provider_subscription_id": provider_subscription_id}
        found = await self._pool.fetch(SUBSCRIPTION_BY_PROVIDER_ID, asked)
        return _row(found[0]) if found else None

    async def timeline(self, app_id: UUID, subscription_id: UUID) -> list[TimelineEntry]:
        """Return all that happened to a subscription, in the order of the log."""
        asked = {"app_id": app_id, "subscription_id": subscription_id}
        return [TimelineEntry(**row) for row in await self._pool.fetch(_TIMELINE, asked)]


def _row(row: DictRow) -> SubscriptionRow:
    return SubscriptionRow(VIEWS.from_json(row["view"]), row["position"])
