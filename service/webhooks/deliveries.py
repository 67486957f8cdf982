"""The inbox's entries as callers see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

from pydantic import BeforeValidator, Field

from domain.inbox.delivery_view import DeliveryView, fold
from domain.inbox.provider_event import (
    DeliveryEvent,
    ProviderEventApplied,
    ProviderEventParked,
)
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from projections.inbox.queries import FAILED, STATES, DeliveryFilter, DeliveryPage, DeliveryRow
from projections.inbox.rejected import RejectedDelivery
from service.http.envelope import Json, moment
from service.http.queries import Moment, ReadQuery
from service.http.validation import Name, RequestModel, SchemaKeywords, Token, Uuid, invalid
from service.recording.streams import Streams

KIND: Final = "webhookDeliveries"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry folded from its stream: `happened` are the events, with their positions."""

    view: DeliveryView
    position: int
    happened: Sequence[tuple[int, DeliveryEvent]]


async def find_entry(log: Log, streams: Streams, app_id: UUID, delivery_id: UUID) -> Entry | None:
    """Fold an app's entry up to now.

    Of what is another's only the first event is read, so that time tells nothing.
    """
    first = facts_in(streams, await log.stream_async(delivery_id, limit=1))
    if not first or getattr(first[0][1], "app_id", None) != app_id:
        return None
    return folded(facts_in(streams, await log.stream_async(delivery_id)))


def facts_in(
    streams: Streams, recorded: Sequence[RecordedEvent]
) -> list[tuple[int, DeliveryEvent]]:
    """Decode a stream; one that is no provider event's has none."""
    found = ((entry.position, streams.decoded(entry)) for entry in recorded)
    return [
        (occurred_at, event) for occurred_at, event in found if isinstance(event, DeliveryEvent)
    ]


def folded(happened: Sequence[tuple[int, DeliveryEvent]]) -> Entry | None:
    """Fold an entry; None where nothing happened."""
    view: DeliveryView | None = None
    for _, event in happened:
        view = fold(view, event)
    return None if view is None else Entry(view, happened[-1][0], happened)


def item(view: DeliveryView, *, position: int) -> Json:
    """Show an entry."""
    return {
        "id": str(view.id),
        "state": view.state,
        "reason": view.reason,
        "connection": view.connection,
        "provider": view.provider,
        "mode": view.mode,
        "providerEventId": view.provider_event_id,
        "type": view.type,
        "objectType": view.object_type,
        "objectId": view.object_id,
        "invoiceId": None if view.invoice_id is None else str(view.invoice_id),
        "effects": _effects(view.effects),
        "timesApplied": view.times_applied,
        "timesParked": view.times_parked,
        "timesReplayed": view.times_replayed,
        "occurredAt": moment(view.occurred_at),
        "receivedAt": moment(view.received_at),
        "updatedAt": moment(view.updated_at),
        "refused": None,
        "position": position,
    }


def refused_item(refused: RejectedDelivery) -> Json:
    """Show a delivery that was refused: nothing that it said of an event is believed."""
    return {
        "id": str(refused.id),
        "state": FAILED,
        "reason": refused.reason,
        "connection": refused.connection,
        "provider": refused.provider,
        "mode": refused.mode,
        **dict.fromkeys(("providerEventId", "type", "objectType", "objectId", "invoiceId")),
        "effects": [],
        **dict.fromkeys(("timesApplied", "timesParked", "timesReplayed"), 0),
        "occurredAt": None,
        "receivedAt": moment(refused.received_at),
        "updatedAt": moment(refused.received_at),
        "refused": {
            "sizeBytes": refused.size_bytes,
            "bodySha256": refused.body_sha256,
            "contentType": refused.content_type,
            "userAgent": refused.user_agent,
            "remote": refused.remote,
        },
        "position": None,
    }


def history(happened: Sequence[tuple[int, DeliveryEvent]]) -> list[Json]:
    """Show all that happened to an entry, in order."""
    return [
        {
            "position": position,
            "type": event.TOPIC,
            "at": moment(event.timestamp),
            "by": event.actor,
            "reason": event.reason if isinstance(event, ProviderEventParked) else None,
            "retried": event.retry if isinstance(event, ProviderEventParked) else None,
            "effects": _effects(event.effects) if isinstance(event, ProviderEventApplied) else [],
        }
        for position, event in happened
    ]


def _effects(effects: Sequence[dict[str, str]]) -> list[Json]:
    return [
        {
            "invoiceId": one.get("invoice"),
            "subscriptionId": one.get("subscription"),
            "effect": one.get("effect"),
        }
        for one in effects
    ]


def page(found: DeliveryPage) -> Json:
    """Put a page of the list into the envelope."""
    items = [
        item(row.view, position=row.position) if isinstance(row, DeliveryRow) else refused_item(row)
        for row in found.rows
    ]
    return {
        "kind": KIND,
        "totalItems": found.total,
        "totalItemsIsExact": found.total_is_exact,
        "itemsLength": len(items),
        "items": items,
        "nextCursor": found.next_cursor,
    }


# What the inbox can be asked with.


def _split(given: object) -> object:
    """Take `state=dead&state=parked` and `state=dead,parked` alike."""
    if isinstance(given, list):
        return [_state(word) for text in given for word in str(text).split(",")]
    return given


def _state(text: str) -> str:
    if text not in STATES:
        raise invalid(f"must be one of {', '.join(STATES)}")
    return text


_AnyState = Annotated[str, SchemaKeywords({"enum": list(STATES)})]


class DeliveryQuery(ReadQuery):
    """Filters and place; newest first."""

    state: Annotated[list[_AnyState], BeforeValidator(_split)] = Field(default_factory=list)
    connection: Name | None = None
    type: Name | None = None
    invoice_id: Uuid | None = None
    provider_event_id: Name | None = None
    received_from: Moment | None = None
    received_to: Moment | None = None
    limit: int = Field(20, ge=1, le=100)
    cursor: Annotated[Token, Field(max_length=2000)] | None = None


class ReplayBody(RequestModel):
    """Nothing is said beside which delivery is meant."""


def to_filter(query: DeliveryQuery, app_id: UUID) -> DeliveryFilter:
    """Say what is asked of the read model."""
    asked = query.model_dump(exclude={"min_position"})
    asked["state"] = tuple(dict.fromkeys(asked["state"]))
    return DeliveryFilter(app_id=app_id, **asked)
