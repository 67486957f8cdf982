"""Open the gateway of a connection."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast
from uuid import UUID

from domain.apps.connection import Connection, secret_context
from domain.billing import Billing
from domain.core import ids
from domain.core.providers import Mode
from domain.gateway.errors import GatewayMisconfigured
from domain.gateway.port import InvoicingGateway, ProviderGateway
from eventlog.errors import VaultError
from eventlog.security.vault import Vault
from workers.providers.mollie.gateway import MollieGateway
from workers.providers.rate_limit import ProviderRateLimits
from workers.providers.stripe.gateway import StripeGateway

_MOST_GATEWAYS: Final = 256
"""Gateways that a process keeps: each holds HTTP sessions, one per thread."""


@dataclass(frozen=True, kw_only=True)
class StripeRates:
    """Calls per second, by mode and for each endpoint; 0 is no limit."""

    live: int
    test: int
    endpoint: int


class Gateways:
    """Caches one gateway per credentials, so that HTTP sessions are reused."""

    def __init__(
        self,
        billing: Billing,
        vault: Vault,
        *,
        stripe_api_base: str,
        mollie_api_base: str = "https://api.mollie.com",
        rates: ProviderRateLimits | None = None,
        stripe_rates: StripeRates | None = None,
        mollie_calls_per_s: int = 0,
        before_calls: Callable[[UUID, str], None] | None = None,
    ) -> None:
        """Store the settings; `before_calls` gets each app and connection in use."""
        self._billing = billing
        self._vault = vault
        self._stripe_api_base = stripe_api_base.rstrip("/")
        self._mollie_api_base = mollie_api_base.rstrip("/")
        self._rates = rates
        self._stripe_rates = stripe_rates
        self._mollie_calls_per_s = mollie_calls_per_s
        self._before_calls = before_calls
        self._made: OrderedDict[str, StripeGateway | MollieGateway] = OrderedDict()
        self._lock = threading.Lock()

    def invoicing(self, app_id: UUID, name: str) -> InvoicingGateway:
        """Return the gateway of a provider that has invoices. Raises as `of`."""
        gateway = self._open(app_id, name)
        if not isinstance(gateway, StripeGateway):
            raise GatewayMisconfigured(f"connection {name!r} is to a provider without invoices")
        return gateway

    def checkout(self, app_id: UUID, name: str) -> MollieGateway:
        """Return the gateway of a provider that has payments. Raises as `of`."""
        gateway = self._open(app_id, name)
        if not isinstance(gateway, MollieGateway):
            raise GatewayMisconfigured(f"connection {name!r} is to a provider that has invoices")
        return gateway

    def of(self, app_id: UUID, name: str) -> ProviderGateway:
        """Return a connection's gateway. Raises GatewayMisconfigured if its key can't be read."""
        return self._open(app_id, name)

    def _open(self, app_id: UUID, name: str) -> StripeGateway | MollieGateway:
        if self._before_calls is not None:
            self._before_calls(app_id, name)
        if self._rates is not None:
            self._rates.start_job()
        connection = self._billing.get(Connection, ids.for_connection(app_id, name))
        with self._lock:
            known = self._made.get(connection.sealed_key)
            if known is None:
                known = self._make(connection)
                self._made[connection.sealed_key] = known
                if len(self._made) > _MOST_GATEWAYS:
                    self._made.popitem(last=False)
            self._made.move_to_end(connection.sealed_key)
            return known

    def _make(self, connection: Connection) -> StripeGateway | MollieGateway:
        api_key, mode = open_key(connection, self._vault), cast("Mode", connection.mode)
        await_rate_limit = self.rate_limit_for(connection)
        match connection.provider:
            case "stripe":
                return StripeGateway(
                    api_key,
                    api_base=self._stripe_api_base,
                    mode=mode,
                    await_rate_limit=await_rate_limit,
                )
            case "mollie":
                return MollieGateway(
                    api_key,
                    api_base=self._mollie_api_base,
                    mode=mode,
                    await_rate_limit=await_rate_limit,
                )
        raise GatewayMisconfigured(f"no gateway for {connection.provider!r}")

    def rate_limit_for(self, connection: Connection) -> Callable[[str], None] | None:
        """Return the function that waits for the rate limit before a call; None: no limit."""
        rates, per_second = self._rates, self._stripe_rates
        account = str(connection.connection_id)
        if rates is not None and connection.provider == "mollie":
            calls = {account: self._mollie_calls_per_s}
            return lambda _endpoint: rates.acquire(calls)
        if rates is None or per_second is None:
            return None
        all_calls = per_second.live if connection.mode == "live" else per_second.test

        def await_rate_limit(endpoint: str) -> None:
            rates.acquire({f"{account}:{endpoint}": per_second.endpoint, account: all_calls})

        return await_rate_limit


def open_key(connection: Connection, vault: Vault) -> str:
    """Decrypt a connection's key; raises GatewayMisconfigured if it can't be read."""
    context = secret_context(connection.app_id, connection.name)
    try:
        return vault.open(connection.sealed_key, context=context)
    except VaultError as error:
        raise GatewayMisconfigured(
            f"the key of connection {connection.name!r} was sealed under other master keys"
        ) from error
