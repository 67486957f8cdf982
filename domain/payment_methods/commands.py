"""Commands on payment method setups: frozen and already validated."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.core.providers import Mode, Provider


@dataclass(frozen=True, kw_only=True)
class RequestSetup:
    """Request a page where a tenant's customer leaves a payment method.

    `redirect_url`: where the customer goes from there.
    """

    setup_id: UUID
    app_id: UUID
    tenant_id: UUID
    provider: Provider
    connection: str
    connection_id: UUID
    mode: Mode
    redirect_url: str
    request_hash: str
    actor: str
