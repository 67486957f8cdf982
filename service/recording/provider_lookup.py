"""Look up values at a provider through a worker: the service makes no provider calls."""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID, uuid4

import orjson

from eventlog.errors import VaultError
from eventlog.security.vault import Vault
from projections.work.provider_lookup import ProviderLookup, ProviderLookupClient, lookup_context
from service.http.errors import NotFound, ProviderTimeout, ProviderUnavailable
from service.recording.waits import Waits

Kind = Literal["document", "client_secret", "credentials"]
"""`document`: {connection, object_id} → {url: str or None}.
`client_secret`: {connection, payment_id} → {client_secret: str or None}.
`credentials`: {connection} → {accepted: true, duration_ms} or {accepted: false, reason, message}.
"""


class ProviderLookups:
    """Send lookups to workers; results are never stored in clear, nor logged."""

    def __init__(
        self, channel: ProviderLookupClient, *, vault: Vault, waits: Waits, timeout_s: float
    ) -> None:
        """`timeout_s` is the default timeout of a lookup."""
        self._channel = channel
        self._vault = vault
        self._waits = waits
        self._timeout_s = timeout_s

    async def request(
        self,
        app_id: UUID,
        kind: Kind,
        args: Mapping[str, str],
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        """Return the result of a lookup at an app's provider.

        Raises ProviderTimeout (in time there was none), ProviderUnavailable (it can't or won't
        answer now), NotFound (the provider has no such object), ReadModelUnavailable.
        """
        wait_s = self._timeout_s if timeout_s is None else timeout_s
        lookup = ProviderLookup(id=uuid4(), app=app_id, kind=kind, args=dict(args))
        try:
            async with self._waits.wait(wait_s):
                sealed = await self._channel.request(lookup, timeout_s=wait_s)
        except TimeoutError:
            raise ProviderTimeout from None
        result = self._opened(sealed, lookup)
        if "found" in result:
            found: dict[str, Any] = result["found"]
            return found
        if result["refused"] == "missing":
            raise NotFound
        raise ProviderUnavailable

    def _opened(self, sealed: str, lookup: ProviderLookup) -> dict[str, Any]:
        try:
            result: dict[str, Any] = orjson.loads(
                self._vault.open(sealed, context=lookup_context(lookup.app))
            )
        except VaultError:
            raise ProviderUnavailable from None
        if result["lookup"] != str(lookup.id):
            raise ProviderUnavailable
        return result
