"""Rows of the subscriptions projection, and what a fold of the log gives."""

from collections.abc import Iterable
from functools import partial
from uuid import UUID

from psycopg.sql import SQL, Identifier

from domain.subscriptions.events import SubscriptionEvent
from domain.subscriptions.view import SubscriptionView, fold
from eventlog.database.connect import connect
from projections.engine.view_codec import SUBSCRIPTIONS as VIEWS
from projections.reports.recurring_revenue import SumKey
from projections.subscriptions import projector as subscriptions_projector

SCHEMA = "read_subscriptions_g1"
HANDLER = partial(subscriptions_projector.handler, SCHEMA)


def folds(events: Iterable[object]) -> dict[UUID, SubscriptionView]:
    """The fold of each stream, one event after the other."""
    found: dict[UUID, SubscriptionView] = {}
    for event in events:
        if isinstance(event, SubscriptionEvent):
            found[event.originator_id] = fold(found.get(event.originator_id), event)
    return found


def naive_sums(views: Iterable[SubscriptionView]) -> dict[SumKey, tuple[int, int]]:
    """Return monthly recurring revenue of all subscriptions."""
    sums: dict[SumKey, tuple[int, int]] = {}
    for view in views:
        if view.status in ("active", "past_due") and view.currency is not None:
            key = SumKey(view.app_id, view.mode, view.currency, view.provider, view.connection)
            minor, count = sums.get(key, (0, 0))
            sums[key] = minor + (view.monthly_minor or 0), count + 1
    return sums


def empty(database: str) -> None:
    """Delete the rows of an earlier example from all tables of the projection."""
    with connect(database, application_name="test") as connection:
        for table in subscriptions_projector.TABLES:
            connection.execute(SQL("DELETE FROM {}").format(Identifier(SCHEMA, table.name)))


def kept_sums(database: str) -> dict[SumKey, tuple[int, int]]:
    with connect(database, application_name="test") as connection:
        found = connection.execute(
            "SELECT app_id, mode, currency, provider, connection, recurring_minor, active"
            " FROM read.subscription_sums WHERE recurring_minor <> 0 OR active <> 0"
        )
        return {SumKey(*key): (int(minor), active) for *key, minor, active in found}


def kept_views(database: str) -> dict[UUID, SubscriptionView]:
    with connect(database, application_name="test") as connection:
        found = connection.execute("SELECT subscription_id, view::text FROM read.subscriptions")
        return {stream: VIEWS.from_json(view) for stream, view in found}
