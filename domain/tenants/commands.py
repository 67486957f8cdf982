"""Commands on tenants: frozen and already validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class SetTenant:
    """Create a tenant or replace its data.

    `contact_body` is the hash of the body with name, e-mail, country and VAT id.
    `customers` maps a connection's name to the provider's customer id. `unlinked` names the
    connections whose customers are unlinked; `unlinks_all` unlinks every other one too.
    """

    app_id: UUID
    tenant_id: UUID
    contact_body: str | None
    customers: dict[str, str]
    actor: str
    unlinked: frozenset[str] = frozenset()
    unlinks_all: bool = False

    def customers_after(self, before: Mapping[str, str]) -> dict[str, str]:
        """Return the tenant's customers after the command, by connection."""
        kept = {} if self.unlinks_all else before
        stay = {name: known for name, known in kept.items() if name not in self.unlinked}
        return stay | self.customers
