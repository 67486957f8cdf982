"""Find or create a tenant's customer at the provider, once per tenant and connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import orjson

from domain.billing import Billing
from domain.core import ids
from domain.core import metadata as metadata_keys
from domain.gateway.errors import GatewayRejected
from domain.gateway.objects import ProviderCustomer
from domain.gateway.port import ProviderGateway
from domain.invoices.view import InvoiceView
from domain.tenants.tenant import Tenant
from workers.invoices.rejections import RequestRejected, missing_payment_method
from workers.providers.key_trust import STRIPE_KEYS, KeyTrust


class Bodies(Protocol):
    """Storage of personal data."""

    def body(self, sha256: bytes) -> bytes | None:
        """Return a body's bytes; None once it was erased."""


def credentials_rejected(connection: str) -> RequestRejected:
    """Return the rejection for credentials that the provider refuses."""
    return RequestRejected(
        code="provider_credentials_refused",
        message=f"The provider rejects the credentials of connection {connection!r}.",
        path="connection",
    )


@dataclass(frozen=True, kw_only=True)
class TenantCustomers:
    """Finds or makes customers."""

    billing: Billing
    gateway: ProviderGateway
    bodies: Bodies
    now: Callable[[], datetime]
    keys: KeyTrust = STRIPE_KEYS

    def id_of(self, view: InvoiceView) -> str:
        """Return the id of the invoice's customer; create the customer if the tenant has none."""
        return view.customer or self._tenants_customer(view)

    def customer_of(self, view: InvoiceView) -> ProviderCustomer:
        """Fetch the invoice's customer; a deleted one that was named is rejected."""
        return self._fetch(self.id_of(view))

    def of_tenant(self, app_id: UUID, tenant_id: UUID, *, connection: str) -> ProviderCustomer:
        """Fetch a tenant's customer; create it if there is none."""
        tenant = self.billing.get(Tenant, ids.for_tenant(app_id, tenant_id))
        return self._fetch(tenant.customers.get(connection) or self._make(tenant, connection))

    def _fetch(self, customer_id: str) -> ProviderCustomer:
        try:
            customer = self.gateway.find_customer(customer_id)
        except GatewayRejected as error:
            raise RequestRejected.from_gateway(error, path="tenantUuid") from error
        if customer.deleted:
            raise RequestRejected(
                code="customer_deleted",
                message=f"The provider's customer {customer_id} was deleted.",
                path="tenantUuid",
            )
        return customer

    def _tenants_customer(self, view: InvoiceView) -> str:
        if view.tenant_id is None:
            raise RequestRejected(code="tenant_unknown", message="The invoice has no tenant.")
        tenant = self.billing.get(Tenant, ids.for_tenant(view.app_id, view.tenant_id))
        known = tenant.customers.get(view.connection)
        if known is None and view.request.charge_immediately and not view.request.payment_method:
            raise missing_payment_method()  # a customer created now would have none
        return known or self._make(tenant, view.connection)

    def _make(self, tenant: Tenant, connection: str) -> str:
        occurred_at = self.now()
        started = self.billing.change(
            Tenant,
            tenant.id,
            lambda known: known.start_customer(connection, occurred_at=occurred_at),
        )
        key, contact_body = started.starting[connection]
        metadata = {
            metadata_keys.APP: str(tenant.app_id),
            metadata_keys.TENANT: str(tenant.tenant_id),
        }
        stored = None if contact_body is None else self.bodies.body(bytes.fromhex(contact_body))
        is_erased = stored is None and contact_body is not None
        customer_id = self._made_before(
            started.started_at[connection], metadata, is_erased=is_erased
        )
        if customer_id is None:
            customer_id = self.gateway.create_customer(metadata, contact=_contact(stored), key=key)
        linked = self.billing.link_customer(tenant, connection, customer_id, occurred_at=self.now())
        return linked.customers[connection]

    def _made_before(
        self, started_at: datetime, metadata: dict[str, str], *, is_erased: bool
    ) -> str | None:
        """Find the customer that an earlier try created, where its key may not return it.

        Nor does the key once the contact data are erased: the provider refuses other parameters.
        """
        if not is_erased and not self.keys.must_look_up(self.now() - started_at):
            return None
        since = self.keys.search_from(started_at)
        found = self.gateway.find_customers(metadata, created_after=since)
        return found[0] if found else None


def _contact(stored: bytes | None) -> dict[str, Any]:
    if stored is None:
        return {}
    known = orjson.loads(stored)
    contact = {name: known[name] for name in ("name", "email") if known.get(name)}
    if known.get("country"):
        contact["address"] = {"country": known["country"]}
    return contact
