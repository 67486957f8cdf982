"""Return and webhook URLs that are passed to providers."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit
from uuid import UUID

from eventlog.security.signed_links import RETURN, SignedLinks


class CallbackUrls:
    """Our URLs as a provider at `api_base` reaches them."""

    def __init__(self, links: SignedLinks, *, public_url: str, api_base: str) -> None:
        self._links = links
        self._public_url = public_url.rstrip("/")
        self._reachable = not is_local(public_url) or is_local(api_base)

    def return_url(self, invoice_id: UUID) -> str:
        """Return the URL of our page that shows the payment's status."""
        return self._links.url(invoice_id, purpose=RETURN)

    def webhook_url(self, provider: str, connection_id: UUID) -> str | None:
        """Return the webhook URL; None if the provider can't reach it: it would refuse the URL.

        A sandbox on this machine can.
        """
        if not self._reachable:
            return None
        return f"{self._public_url}/webhooks/{provider}/{connection_id}"


def is_local(url: str) -> bool:
    """Check whether a URL is reachable from this machine only."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
