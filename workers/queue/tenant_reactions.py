"""A tenant turns out to be a provider's customer → what the customer has becomes the tenant's."""

from __future__ import annotations

from typing import Final

from domain.core.aggregate import DomainEvent
from domain.tenants.tenant import ProviderCustomerLinked, TenantChanged, TenantCreated
from projections.work.table import OpenJob

ASSIGN: Final = "assign_to_tenant"
TOPICS: Final = (TenantCreated.TOPIC, TenantChanged.TOPIC, ProviderCustomerLinked.TOPIC)


def assignments_for(event: DomainEvent, *, queue: str) -> list[OpenJob]:
    """Ask for one look at what a tenant's customers have; a tenant without any has nothing."""
    match event:
        case TenantCreated() | TenantChanged() if not event.customers:
            return []
        case TenantCreated() | TenantChanged() | ProviderCustomerLinked():
            return [
                OpenJob(
                    key=f"assign:{event.originator_id}",
                    app=event.app_id,
                    queue=queue,
                    actor=ASSIGN,
                    args={"tenant_stream": str(event.originator_id)},
                )
            ]
    return []
