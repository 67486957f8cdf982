"""Build the responses with webhook deliveries."""

from collections.abc import Sequence
from typing import Any, Final

from domain.inbox.delivery_view import DeliveryView
from domain.inbox.provider_event import DeliveryEvent, ProviderEventApplied, ProviderEventParked
from projections.inbox.queries import FAILED, DeliveryPage, DeliveryRow
from projections.inbox.rejected import RejectedDelivery
from service.http.envelope import Json
from service.http.response_model import one_item
from service.webhooks import response_schemas as schemas
from service.webhooks.deliveries import Entry

KIND: Final = "webhookDeliveries"


def page(found: DeliveryPage) -> schemas.DeliveryPage:
    """Build a page of deliveries."""
    items = [
        schemas.Delivery(
            **_fields(row.view, position=row.position)
            if isinstance(row, DeliveryRow)
            else _rejected_fields(row)
        )
        for row in found.rows
    ]
    return schemas.DeliveryPage(
        kind=KIND,
        total_items=found.total,
        total_items_is_exact=found.total_is_exact,
        items_length=len(items),
        items=items,
        next_cursor=found.next_cursor,
    )


def single(entry: Entry, *, payload: Json | None) -> schemas.SingleDeliveries:
    """Build the response with one delivery, its history and its payload."""
    item = schemas.DeliveryDetails(
        **_fields(entry.view, position=entry.position),
        history=[_history(position, event) for position, event in entry.events],
        payload=payload,
    )
    return one_item(schemas.SingleDeliveries, kind=KIND, item=item)


def single_rejected(rejected: RejectedDelivery) -> schemas.SingleDeliveries:
    """Build the response with one rejected delivery, which has neither history nor payload."""
    item = schemas.DeliveryDetails(**_rejected_fields(rejected), history=[], payload=None)
    return one_item(schemas.SingleDeliveries, kind=KIND, item=item)


def replayed(entry: Entry) -> schemas.ReplayedDeliveries:
    """Build the response to a replay."""
    item = schemas.Delivery(**_fields(entry.view, position=entry.position))
    return one_item(schemas.ReplayedDeliveries, kind=KIND, item=item)


def _fields(view: DeliveryView, *, position: int) -> dict[str, Any]:
    """Return the fields of schemas.Delivery."""
    return {
        "id": view.id,
        "state": view.state,
        "reason": view.reason,
        "connection": view.connection,
        "provider": view.provider,
        "mode": view.mode,
        "provider_event_id": view.provider_event_id,
        "type": view.type,
        "object_type": view.object_type,
        "object_id": view.object_id,
        "invoice_id": view.invoice_id,
        "effects": _effects(view.effects),
        "times_applied": view.times_applied,
        "times_parked": view.times_parked,
        "times_replayed": view.times_replayed,
        "occurred_at": view.occurred_at,
        "received_at": view.received_at,
        "updated_at": view.updated_at,
        "refused": None,
        "position": position,
    }


def _rejected_fields(rejected: RejectedDelivery) -> dict[str, Any]:
    """Return the fields of schemas.Delivery; none comes from the body, which is not verified."""
    return {
        "id": rejected.id,
        "state": FAILED,
        "reason": rejected.reason,
        "connection": rejected.connection,
        "provider": rejected.provider,
        "mode": rejected.mode,
        "provider_event_id": None,
        "type": None,
        "object_type": None,
        "object_id": None,
        "invoice_id": None,
        "effects": [],
        "times_applied": 0,
        "times_parked": 0,
        "times_replayed": 0,
        "occurred_at": None,
        "received_at": rejected.received_at,
        "updated_at": rejected.received_at,
        "refused": schemas.RefusedDetails(
            size_bytes=rejected.size_bytes,
            body_sha256=rejected.body_sha256,
            content_type=rejected.content_type,
            user_agent=rejected.user_agent,
            remote=rejected.remote,
        ),
        "position": None,
    }


def _history(position: int, event: DeliveryEvent) -> schemas.DeliveryEvent:
    parked = event if isinstance(event, ProviderEventParked) else None
    return schemas.DeliveryEvent(
        position=position,
        type=event.TOPIC,
        at=event.timestamp,
        by=event.actor,
        reason=None if parked is None else parked.reason,
        retried=None if parked is None else parked.retry,
        effects=_effects(event.effects) if isinstance(event, ProviderEventApplied) else [],
    )


def _effects(effects: Sequence[dict[str, str]]) -> list[schemas.Effect]:
    return [
        schemas.Effect(
            invoice_id=effect.get("invoice"),
            subscription_id=effect.get("subscription"),
            effect=effect.get("effect"),
        )
        for effect in effects
    ]
