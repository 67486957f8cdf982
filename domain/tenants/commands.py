"""Commands on tenants: frozen and already validated."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class SetTenant:
    """Create a tenant or replace its data.

    `person` is the hash of the body with name, e-mail, country and VAT id.
    `customers` maps a connection's name to the provider's customer id.
    """

    app_id: UUID
    tenant_id: UUID
    contact_body: str | None
    customers: dict[str, str]
    actor: str
