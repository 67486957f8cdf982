"""Build the rows of the timeline: one entry for each thing that an event is about."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
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
from projections.engine.binary_values import WRITERS
from projections.engine.copy_rows import columns
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
_KIND_OF_INVOICE: Final[Kind] = "invoice"
_KIND_OF_SUBSCRIPTION: Final[Kind] = "subscription"
_COLUMNS: Final = columns(len(TIMELINE.columns))
_id, _bigint, _text = WRITERS[UUID], WRITERS[int], WRITERS[str]
_moment, _json = WRITERS[datetime], WRITERS[bytes]
_actor: Final = lru_cache(maxsize=1024)(_text)


def entry_of(event: InvoiceEvent | SubscriptionEvent, *, app_id: UUID, position: int) -> list[Row]:
    """Return an event's row on the timeline, if it has one, in the order of TIMELINE.columns."""
    if is_hidden(event):
        return []
    subject = _kind_of(event), event.originator_id
    return [_entry(event, subject, position, app_id=app_id, data=event_data(event))]


def packed_entry_of(
    event: InvoiceEvent | SubscriptionEvent, *, app_id: UUID, position: int
) -> bytes:
    """Return the row of `entry_of` in the binary format of COPY; empty if there is none."""
    if is_hidden(event):
        return b""
    return b"".join(
        (
            _COLUMNS,
            _id(event.originator_id),
            _bigint(position),
            _of_topic(app_id, type(event)),
            _moment(event.timestamp),
            _actor(event.actor),
            _json(orjson.dumps(event_data(event))),
        )
    )


@lru_cache(maxsize=4096)
def _of_topic(app_id: UUID, kind: type[InvoiceEvent | SubscriptionEvent]) -> bytes:
    """Write the columns that all entries of an app's events of a kind have the same."""
    of = _KIND_OF_SUBSCRIPTION if issubclass(kind, SubscriptionEvent) else _KIND_OF_INVOICE
    return _id(app_id) + _text(of) + _text(kind.TOPIC)


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
    return _KIND_OF_SUBSCRIPTION if isinstance(event, SubscriptionEvent) else _KIND_OF_INVOICE


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
