"""Where customers come back to and where news go, as a provider is told."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit
from uuid import UUID

from eventlog.security.signed_links import RETURN, SignedLinks


class CallbackUrls:
    """Our addresses, seen from a provider at `api_base`."""

    def __init__(self, links: SignedLinks, *, public_url: str, api_base: str) -> None:
        self._links = links
        self._public_url = public_url.rstrip("/")
        self._reachable = not is_local(public_url) or is_local(api_base)

    def return_url(self, invoice_id: UUID) -> str:
        """Link to our page that shows how the payment stands."""
        return self._links.url(invoice_id, purpose=RETURN)

    def webhook_url(self, provider: str, connection_id: UUID) -> str | None:
        """Say where news go; None where the provider can't reach us: it would refuse the address.

        A stand-in on this machine can.
        """
        if not self._reachable:
            return None
        return f"{self._public_url}/webhooks/{provider}/{connection_id}"


def is_local(url: str) -> bool:
    """Tell whether only this machine gets there."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
