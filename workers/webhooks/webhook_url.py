"""The URL of a connection's webhooks, if the provider can call it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from domain.apps.connection import Connection
from workers.errors import OperatorError

_LOOPBACK_NAMES: Final = frozenset({"localhost"})


def webhook_url(base_url: str, connection: Connection, *, api_base: str) -> str:
    """Return the URL of a connection's webhooks below `base_url`, which may be that URL itself.

    Raises OperatorError. Providers call public https URLs only; loopback is for a local sandbox.
    """
    parts = urlsplit(base_url)
    if not parts.hostname or parts.query or parts.fragment:
        raise OperatorError(
            f"{base_url!r} is not a URL of this installation, such as https://billing.example.com"
        )
    if _is_loopback(parts.hostname):
        if not _is_loopback(urlsplit(api_base).hostname or ""):
            raise OperatorError("Stripe cannot call a loopback address: pass the public https URL")
    elif parts.scheme != "https" or _is_private(parts.hostname):
        raise OperatorError("Stripe calls public https URLs only")
    path, base = webhook_path(connection), base_url.rstrip("/")
    if base.endswith(path):
        return base
    if "/webhooks/" in parts.path:
        raise OperatorError(f"this is another connection's URL: this connection's ends with {path}")
    return base + path


def webhook_path(connection: Connection) -> str:
    """Return the path of a connection's webhooks, as the service serves it."""
    return f"/webhooks/{connection.provider}/{connection.connection_id}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in _LOOPBACK_NAMES


def _is_private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host
