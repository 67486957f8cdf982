"""From a connection's name to the gateway that speaks with its provider."""

from __future__ import annotations

import threading
from uuid import UUID

from domain import ids
from domain.billing import Billing
from domain.connection import Connection, secret_context
from domain.gateway import GatewayMisconfigured, PaymentGateway
from eventlog.errors import VaultError
from eventlog.vault import Vault
from workers.providers.stripe import StripeGateway


class Gateways:
    """Makes one gateway per credentials and keeps it, so that its sessions are reused."""

    def __init__(self, billing: Billing, vault: Vault, *, stripe_api_base: str) -> None:
        self._billing = billing
        self._vault = vault
        self._stripe_api_base = stripe_api_base.rstrip("/")
        self._made: dict[str, PaymentGateway] = {}
        self._lock = threading.Lock()

    def of(self, app_id: UUID, name: str) -> PaymentGateway:
        """Open a connection; raises GatewayMisconfigured where its secret can't be read."""
        connection = self._billing.get(Connection, ids.for_connection(app_id, name))
        with self._lock:
            known = self._made.get(connection.sealed_key)
            if known is None:
                known = self._make(connection)
                self._made[connection.sealed_key] = known
            return known

    def _make(self, connection: Connection) -> PaymentGateway:
        context = secret_context(connection.app_id, connection.name)
        try:
            api_key = self._vault.open(connection.sealed_key, context=context)
        except VaultError as error:
            raise GatewayMisconfigured(
                f"the key of connection {connection.name!r} was sealed under other master keys"
            ) from error
        if connection.provider == "stripe":
            return StripeGateway(api_key, api_base=self._stripe_api_base)
        raise GatewayMisconfigured(f"no gateway speaks with {connection.provider!r}")
