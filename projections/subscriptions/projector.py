"""Subscriptions: each stream's fold, what it adds to recurring revenue, and how that moved.

What happened to them stands on the app's one timeline, which the projection of invoices keeps.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from psycopg.sql import SQL

from domain.events import SUBSCRIPTION_TOPICS
from domain.subscriptions.events import SubscriptionEvent
from domain.subscriptions.view import SubscriptionView, fold
from eventlog.codec import Codec
from eventlog.follow.handler import Cursor, Handle
from eventlog.reading import RecordedEvent
from projections.engine.errors import VersionGap
from projections.engine.tables import Row, Table, adding, insert, upsert
from projections.engine.view_codec import SUBSCRIPTIONS as VIEWS
from projections.reports import recurring_movements
from projections.reports.recurring_movements import Known, Movement, MovementDeltas, movements_of
from projections.reports.recurring_revenue import RECURRING, SUMMED, SumDeltas, share_of

NAME: Final = "subscriptions"
TOPICS: Final = SUBSCRIPTION_TOPICS

SUBSCRIPTIONS: Final = Table(
    "subscriptions",
    key=("subscription_id",),
    columns=(
        "subscription_id",
        "app_id",
        "tenant_id",
        "provider",
        "mode",
        "connection",
        "status",
        "user_id",
        "customer",
        "provider_subscription_id",
        "created_at",
        "has_earned",
        "moved_at",
        "version",
        "position",
        "view",
    ),
)
TABLES: Final = (
    SUBSCRIPTIONS,
    RECURRING,
    recurring_movements.MOVEMENTS,
    recurring_movements.SUMS,
)


@dataclass(slots=True)
class SubscriptionAccumulator:
    """A subscription's view and the stream version and position that it was folded to.

    `moved_at`: when its revenue last moved. `has_earned`: it brought revenue at some time.
    """

    view: SubscriptionView | None = None
    version: int = 0
    position: int = 0
    has_earned: bool = False
    moved_at: datetime | None = None

    def take(self, event: SubscriptionEvent, *, position: int) -> list[Movement]:
        """Apply one event and return how recurring revenue moved by it. Raises VersionGap."""
        if event.originator_version != self.version + 1:
            raise VersionGap(
                event.originator_id, version=self.version, offered=event.originator_version
            )
        known = self._known()
        self.view = view = fold(self.view, event)
        self.version, self.position = event.originator_version, position
        if known is None:
            return []
        moved = movements_of(known, view, share_of(view), event)
        if moved:
            self.has_earned, self.moved_at = True, moved[-1].moved_at
        return moved

    def _known(self) -> Known | None:
        view = self.view
        if view is None:
            return None
        return Known(
            shares=share_of(view),
            is_reported=bool(view.provider_fields),
            is_trialing=view.status == "trialing",
            has_earned=self.has_earned,
            moved_at=self.moved_at,
        )


def handler(schema: str) -> Handle:
    """Return what folds batches into one generation's tables."""
    codec = Codec()

    async def handle(cursor: Cursor, batch: Sequence[RecordedEvent]) -> None:
        """Load the concerned rows, fold in memory, write: a statement a table."""
        accumulated = await _load(cursor, _streams_that_go_on(batch), schema=schema)
        deltas, moved = SumDeltas(), MovementDeltas()
        for recorded in batch:
            event = cast("SubscriptionEvent", codec.decode(recorded))  # its topic says so
            subscription = accumulated.setdefault(event.originator_id, SubscriptionAccumulator())
            before = share_of(subscription.view)
            movements = subscription.take(event, position=recorded.position)
            deltas.take(before, share_of(subscription.view), position=recorded.position)
            for movement in movements:
                deltas.add_row(movement.books, position=recorded.position)
            moved.take(event.originator_id, movements, position=recorded.position)
        await upsert(cursor, SUBSCRIPTIONS, rows_of(accumulated.values()), schema=schema)
        await insert(cursor, recurring_movements.MOVEMENTS, moved.movement_rows(), schema=schema)
        for table, rows, summed in (
            (RECURRING, deltas.rows(), SUMMED),
            (recurring_movements.SUMS, moved.sum_rows(), recurring_movements.SUMMED),
        ):
            if rows:
                query, parameters = adding(table, rows, summed=summed, schema=schema)
                await cursor.execute(query, parameters)

    return handle


def rows_of(accumulated: Iterable[SubscriptionAccumulator]) -> list[Row]:
    """Return the rows of subscriptions, in the order of SUBSCRIPTIONS.columns."""
    return [_row(one, one.view) for one in accumulated if one.view is not None]


def _row(accumulated: SubscriptionAccumulator, view: SubscriptionView) -> Row:
    return {
        "subscription_id": view.id,
        "app_id": view.app_id,
        "tenant_id": view.tenant_id,
        "provider": view.provider,
        "mode": view.mode,
        "connection": view.connection,
        "status": view.status,
        "user_id": view.user_id,
        "customer": view.customer,
        "provider_subscription_id": view.provider_subscription_id,
        "created_at": view.created_at,
        "has_earned": accumulated.has_earned,
        "moved_at": accumulated.moved_at,
        "version": accumulated.version,
        "position": accumulated.position,
        "view": VIEWS.to_json(view),
    }


def _streams_that_go_on(batch: Sequence[RecordedEvent]) -> list[UUID]:
    """Name the subscriptions that began before this batch."""
    first_seen: dict[UUID | str, int] = {}
    for recorded in batch:
        first_seen.setdefault(recorded.originator_id, recorded.originator_version)
    return [UUID(str(stream)) for stream, version in first_seen.items() if version > 1]


async def _load(
    cursor: Cursor, streams: Sequence[UUID], *, schema: str
) -> dict[UUID, SubscriptionAccumulator]:
    if not streams:
        return {}
    query = SQL(
        "SELECT subscription_id, version, position, has_earned, moved_at, view::text"
        " FROM {subscriptions}"
        " WHERE subscription_id = ANY(%s)"
    ).format(subscriptions=SUBSCRIPTIONS.within(schema))
    await cursor.execute(query, [list(streams)])
    return {
        stream: SubscriptionAccumulator(VIEWS.from_json(view), version, position, earned, moved_at)
        for stream, version, position, earned, moved_at, view in await cursor.fetchall()
    }
