"""Set a tenant's changed name and e-mail on its customers at providers.

The step with its key is recorded before the call and the outcome after it. A repetition sets the
same values under the same key, so that a crash at any point neither loses nor doubles an update.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import orjson

from domain.apps.app import App
from domain.billing import Billing
from domain.core.effects import WORKER
from domain.gateway.errors import GatewayRejected
from domain.gateway.port import ProviderGateway
from domain.tenants.tenant import CustomerUpdate, Tenant


class Bodies(Protocol):
    """Storage of personal data."""

    def body(self, sha256: bytes) -> bytes | None:
        """Return a body's bytes; None once it was erased."""


@dataclass(frozen=True, kw_only=True)
class UpdateCustomersDeps:
    """Dependencies of the job."""

    billing: Billing
    bodies: Bodies
    gateway_of: Callable[[UUID, str], ProviderGateway]
    now: Callable[[], datetime]


def update_customers(tenant_stream: UUID, deps: UpdateCustomersDeps) -> None:
    """Update the tenant's outdated customers, unless the app turned that off."""
    tenant = deps.billing.get(Tenant, tenant_stream)
    if not deps.billing.get(App, tenant.app_id).settings.update_customers:
        return
    for connection in tenant.outdated_customers():
        _update(tenant_stream, connection, deps)


def _update(tenant_stream: UUID, connection: str, deps: UpdateCustomersDeps) -> None:
    occurred_at = deps.now()
    tenant = deps.billing.change(
        Tenant,
        tenant_stream,
        lambda known: known.start_update(connection, occurred_at=occurred_at),
    )
    update = tenant.updates.get(connection)
    if update is not None:
        _send(tenant, connection, update, deps)


def _send(
    tenant: Tenant, connection: str, update: CustomerUpdate, deps: UpdateCustomersDeps
) -> None:
    stored = deps.bodies.body(bytes.fromhex(update.contact_body))
    if stored is None:
        return  # erased since: there is nothing to send
    contact = orjson.loads(stored)
    try:
        deps.gateway_of(tenant.app_id, connection).update_customer(
            update.customer_id,
            name=contact.get("name"),
            email=contact.get("email"),
            key=update.key,
        )
    except GatewayRejected as error:
        _record_refusal(tenant, connection, update, error, deps)
        return
    occurred_at = deps.now()
    deps.billing.change(
        Tenant, tenant.id, lambda known: known.finish_update(connection, update, at=occurred_at)
    )


def _record_refusal(
    tenant: Tenant,
    connection: str,
    update: CustomerUpdate,
    error: GatewayRejected,
    deps: UpdateCustomersDeps,
) -> None:
    occurred_at = deps.now()

    def decide(known: Tenant) -> None:
        known.refuse_update(
            connection, update, code=error.code, message=error.message, at=occurred_at
        )
        if error.missing:
            known.mark_customer_deleted(
                connection, update.customer_id, actor=WORKER, at=occurred_at
            )

    deps.billing.change(Tenant, tenant.id, decide)
