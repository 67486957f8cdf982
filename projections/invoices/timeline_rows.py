"""Build the rows of the timeline: one entry for each thing that an event is about."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import orjson

from domain.core.aggregate import DomainEvent
from domain.inbox.provider_event import ProviderEventApplied
from domain.invoices.events import InvoiceEvent
from domain.subscriptions.events import SubscriptionEvent
from domain.tenants.events import (
    ProviderCustomerDeleted,
    ProviderCustomerLinked,
    ProviderCustomerUpdated,
    ProviderCustomerUpdateRefused,
    TenantChanged,
    TenantCreated,
    TenantEvent,
)
from projections.engine.tables import Row, Table
from projections.invoices.timeline import Kind, effects_of, event_data, is_hidden

TIMELINE: Final = Table(
    "timeline",
    key=("subject_id", "position"),
    columns=("subject_id", "position", "app_id", "kind", "type", "occurred_at", "actor", "data"),
    types=("uuid", "bigint", "uuid", "text", "text", "timestamptz", "text", "jsonb"),
)
_TENANT_ENTRIES: Final = (
    TenantCreated,
    TenantChanged,
    ProviderCustomerLinked,
    ProviderCustomerUpdated,
    ProviderCustomerUpdateRefused,
    ProviderCustomerDeleted,
)
Subject = tuple[Kind, UUID]


def entry_of(event: InvoiceEvent | SubscriptionEvent, *, app_id: UUID, position: int) -> list[Row]:
    """Return an event's row on the timeline, if it has one, in the order of TIMELINE.columns."""
    if is_hidden(event):
        return []
    subject = _kind_of(event), event.originator_id
    return [_entry(event, subject, position, app_id=app_id, data=event_data(event))]


def tenant_entry_of(event: TenantEvent, *, position: int) -> list[Row]:
    """Return a tenant's row on the timeline; who is behind it stays in the body."""
    if not isinstance(event, _TENANT_ENTRIES):
        return []
    data = event_data(event)
    subject: Subject = "tenant", event.tenant_id
    return [_entry(event, subject, position, app_id=event.app_id, data=data)]


def entries_of(event: ProviderEventApplied, *, position: int) -> list[Row]:
    """Return the rows of a provider event that no event tells of, one for each thing named."""
    return [
        _entry(
            event,
            (kind, UUID(subject)),
            position,
            app_id=event.app_id,
            data={
                "providerType": event.type,
                "providerEventId": event.provider_event_id,
                "effects": effects,
            },
        )
        for (kind, subject), effects in effects_of(event).items()
    ]


def _kind_of(event: InvoiceEvent | SubscriptionEvent) -> Kind:
    return "subscription" if isinstance(event, SubscriptionEvent) else "invoice"


def _entry(
    event: DomainEvent,
    subject: Subject,
    position: int,
    *,
    app_id: UUID | None,
    data: Mapping[str, object],
) -> Row:
    kind, subject_id = subject
    return {
        "subject_id": subject_id,
        "position": position,
        "app_id": app_id,
        "kind": kind,
        "type": event.TOPIC,
        "occurred_at": event.timestamp,
        "actor": event.actor,
        "data": orjson.dumps(data),
    }
