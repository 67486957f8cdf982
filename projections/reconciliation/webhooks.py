"""Webhook health: the state of each connection's endpoint, and who reported its changes first.

A day's row of a connection counts what webhooks delivered, and what reconciliation found before a
webhook did.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from domain.core.aggregate import DomainEvent
from domain.events import topics_of
from domain.inbox.payment_hint import PaymentHintReceived, PaymentHintRepeated
from domain.inbox.provider_event import ProviderEventReceived
from domain.inbox.webhook_health import (
    WebhookHealthChanged,
    WebhookHealthEvent,
    WebhookHealthObserved,
)
from eventlog.codec import Codec
from eventlog.database.statements import Statement
from eventlog.follow.handler import Cursor, RowsHandler, writing_together
from eventlog.reading import RecordedEvent
from projections.engine.tables import Rows, Table, load, upserting

NAME: Final = "webhooks"
TOPICS: Final = (
    *topics_of(WebhookHealthEvent),
    ProviderEventReceived.TOPIC,
    PaymentHintReceived.TOPIC,
    PaymentHintRepeated.TOPIC,
)

HEALTH: Final = Table(
    "webhook_health",
    key=("id",),
    columns=(
        "id",
        "app_id",
        "connection",
        "connection_id",
        "provider",
        "mode",
        "state",
        "endpoint_id",
        "problems",
        "changed_at",
        "position",
    ),
)
SOURCES: Final = Table(
    "webhook_sources",
    key=("id",),
    columns=(
        "id",
        "connection_id",
        "day",
        "delivered",
        "found",
        "last_delivered_at",
        "position",
    ),
)
Received = ProviderEventReceived | PaymentHintReceived | PaymentHintRepeated


def handler(schema: str) -> RowsHandler:
    """Return the function that folds batches into one generation's tables."""
    codec = Codec()

    async def fold(cursor: Cursor, batch: Sequence[RecordedEvent]) -> list[Statement]:
        events = [(recorded.position, codec.decode(recorded)) for recorded in batch]
        health = await load(cursor, HEALTH, _changed(events), schema=schema)
        sources = await load(cursor, SOURCES, _days(events), schema=schema)
        for position, event in events:
            match event:
                case WebhookHealthObserved() | WebhookHealthChanged():
                    _take_health(health, event, position=position)
                case ProviderEventReceived() | PaymentHintReceived() | PaymentHintRepeated():
                    _count(sources, event, position=position)
        tables = (HEALTH, list(health.values())), (SOURCES, list(sources.values()))
        return [upserting(table, rows, schema=schema) for table, rows in tables if rows]

    return writing_together(fold)


def _changed(events: Sequence[tuple[int, object]]) -> set[tuple[UUID]]:
    return {
        (event.originator_id,) for _, event in events if isinstance(event, WebhookHealthChanged)
    }


def _days(events: Sequence[tuple[int, object]]) -> set[tuple[UUID]]:
    return {(row_id,) for _, event in events for row_id in _day_of(event)}


def _day_of(event: object) -> Iterator[UUID]:
    """Yield the id of the row that counts an event; none where its connection is not known."""
    if isinstance(event, Received) and event.connection_id is not None:
        yield uuid5(event.connection_id, event.timestamp.date().isoformat())


def _take_health(
    rows: Rows, event: WebhookHealthObserved | WebhookHealthChanged, *, position: int
) -> None:
    key = (event.originator_id,)
    if isinstance(event, WebhookHealthObserved):
        copied = ("app_id", "connection", "connection_id", "provider", "mode")
        rows[key] = {"id": event.originator_id} | {name: getattr(event, name) for name in copied}
    rows[key] |= {
        "state": event.state,
        "endpoint_id": event.endpoint_id,
        "problems": list(event.problems),
        "changed_at": event.timestamp,
        "position": position,
    }


def _count(rows: Rows, event: Received, *, position: int) -> None:
    for row_id in _day_of(event):
        row = rows.setdefault((row_id,), _empty_day(row_id, event))
        row["position"] = position
        if event.found_by is not None:
            row["found"] += 1
            continue
        row["delivered"] += 1
        row["last_delivered_at"] = _later(row["last_delivered_at"], event)


def _empty_day(row_id: UUID, event: Received) -> dict[str, object]:
    return {
        "id": row_id,
        "connection_id": event.connection_id,
        "day": event.timestamp.date().isoformat(),
        "delivered": 0,
        "found": 0,
        "last_delivered_at": None,
    }


def _later(known: datetime | None, event: DomainEvent) -> datetime:
    at: datetime = event.timestamp
    return at if known is None else max(known, at)
