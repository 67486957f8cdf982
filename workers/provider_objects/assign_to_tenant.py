"""Assign a tenant the unassigned invoices and subscriptions of its provider customers.

Objects imported before the customer was linked precede the tenant's event in the log, so the read
model has them once it has reached that event; objects imported later find the tenant at import
(`import_object` looks it up twice).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.billing import Billing
from domain.core.effects import WORKER
from domain.invoices.invoice import Invoice
from domain.subscriptions.subscription import Subscription
from domain.tenants.tenant import Tenant
from projections.tenants.unassigned import UnassignedQueries

_ALIVE_EVERY: Final = 50


class ReadModelBehind(Exception):
    """The read model is behind the tenant's event; the retry uses up no counted try."""


@dataclass(frozen=True, kw_only=True)
class AssignDeps:
    """Dependencies of the job. `heartbeat` is called between objects."""

    billing: Billing
    newest_position: Callable[[UUID], int]
    unassigned: UnassignedQueries
    now: Callable[[], datetime]
    heartbeat: Callable[[], None]


def assign_to_tenant(tenant_stream: UUID, deps: AssignDeps) -> int:
    """Assign the objects of a tenant's customers; return their number. Raises ReadModelBehind."""
    if not deps.unassigned.reached(deps.newest_position(tenant_stream)):
        raise ReadModelBehind
    tenant = deps.billing.get(Tenant, tenant_stream)
    given = 0
    for connection, customer in tenant.customers.items():
        owner = deps.billing.tenant_of_customer(tenant.app_id, connection, customer)
        if owner != tenant.tenant_id:
            continue  # linked to another tenant by now, whose own job assigns them
        found = deps.unassigned.find(tenant.app_id, connection, customer)
        given += _give(Invoice, found.invoices, tenant.tenant_id, deps)
        given += _give(Subscription, found.subscriptions, tenant.tenant_id, deps)
    return given


def _give(
    kind: type[Invoice | Subscription], found: Iterable[UUID], tenant_id: UUID, deps: AssignDeps
) -> int:
    def assign(known: Invoice | Subscription) -> None:
        known.assign(tenant_id, actor=WORKER, occurred_at=deps.now())

    given = 0
    for thing_id in found:
        deps.billing.change(kind, thing_id, assign)
        given += 1
        if given % _ALIVE_EVERY == 0:
            deps.heartbeat()
    return given
