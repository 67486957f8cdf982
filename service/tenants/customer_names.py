"""Read the names of customers and tenants, which are stored apart from events for erasure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from domain.core import ids
from domain.invoices.view import InvoiceView
from service.recording.context import RecordingContext


@dataclass(frozen=True, kw_only=True)
class CustomerNames:
    """Names of customers by the hash of the invoice's body, of tenants by their ids."""

    customers: Mapping[str, str]
    tenants: Mapping[UUID, str]

    def of(self, view: InvoiceView) -> str | None:
        """Return the customer's name of an invoice, or else the tenant's."""
        customer = self.customers.get(view.body or "")
        if customer is not None or view.tenant_id is None:
            return customer
        return self.tenants.get(view.tenant_id)


async def customer_names(context: RecordingContext, views: Sequence[InvoiceView]) -> CustomerNames:
    """Read the names that a page of invoices shows, all at once."""
    invoices = await _bodies(context, (view.body for view in views))
    customers = {
        sha256: str(invoice["customer_name"])
        for sha256, invoice in invoices.items()
        if invoice.get("customer_name")
    }
    nameless = [view for view in views if (view.body or "") not in customers]
    return CustomerNames(customers=customers, tenants=await _tenants(context, nameless))


async def _tenants(context: RecordingContext, views: Iterable[InvoiceView]) -> dict[UUID, str]:
    wanted = {
        ids.for_tenant(view.app_id, view.tenant_id): view.tenant_id
        for view in views
        if view.tenant_id is not None
    }
    streams = await context.log.streams_async(set(wanted)) if wanted else {}
    persons = {
        wanted[stream_id]: tenant.contact_body
        for stream_id, recorded in streams.items()
        if (tenant := context.streams.tenant_in(recorded)) is not None
    }
    bodies = await _bodies(context, persons.values())
    known = {
        tenant_id: bodies.get(contact_body or "", {}) for tenant_id, contact_body in persons.items()
    }
    return {
        tenant_id: str(contact_body["name"])
        for tenant_id, contact_body in known.items()
        if contact_body.get("name")
    }


async def _bodies(
    context: RecordingContext, hashes: Iterable[str | None]
) -> dict[str, dict[str, Any]]:
    wanted = {bytes.fromhex(sha256) for sha256 in hashes if sha256}
    found = await context.log.bodies_async(wanted) if wanted else {}
    return {sha256.hex(): orjson.loads(raw) for sha256, raw in found.items()}
