"""Tenants: who is billed, and which customer they are at each provider."""

from collections.abc import Sequence
from typing import Final

from domain.events import topics_of
from domain.tenants.events import (
    ProviderCustomerLinked,
    TenantChanged,
    TenantCreated,
    TenantEvent,
)
from eventlog.codec import Codec
from eventlog.follow.handler import Cursor, Handle
from eventlog.reading import RecordedEvent
from projections.engine.tables import Rows, Table, load, upsert

NAME: Final = "tenants"
TOPICS: Final = topics_of(TenantEvent)

TENANTS: Final = Table(
    "tenants",
    key=("app_id", "tenant_id"),
    columns=(
        "app_id",
        "tenant_id",
        "contact_body",
        "customers",
        "created_at",
        "updated_at",
        "position",
    ),
)


def handler(schema: str) -> Handle:
    """Return what folds batches into one generation's table."""
    codec = Codec()

    async def handle(cursor: Cursor, batch: Sequence[RecordedEvent]) -> None:
        events = [(recorded.position, codec.decode(recorded)) for recorded in batch]
        keys = [
            (event.app_id, event.tenant_id)
            for _, event in events
            if isinstance(event, TenantChanged | ProviderCustomerLinked)
        ]
        tenants = await load(cursor, TENANTS, keys, schema=schema)
        for position, event in events:
            _take(tenants, event, position=position)
        await upsert(cursor, TENANTS, list(tenants.values()), schema=schema)

    return handle


def _take(tenants: Rows, event: object, *, position: int) -> None:
    match event:
        case TenantCreated():
            tenants[event.app_id, event.tenant_id] = {
                "app_id": event.app_id,
                "tenant_id": event.tenant_id,
                "contact_body": event.contact_body,
                "customers": dict(event.customers),
                "created_at": event.timestamp,
                "updated_at": event.timestamp,
                "position": position,
            }
        case TenantChanged():
            tenant = tenants[event.app_id, event.tenant_id]
            tenant |= {"contact_body": event.contact_body, "customers": dict(event.customers)}
            tenant |= {"updated_at": event.timestamp, "position": position}
        case ProviderCustomerLinked():
            tenant = tenants[event.app_id, event.tenant_id]
            tenant["customers"] |= {event.connection: event.customer_id}
            tenant |= {"updated_at": event.timestamp, "position": position}
        case _:
            return  # a customer that is being made is nobody's to read yet
