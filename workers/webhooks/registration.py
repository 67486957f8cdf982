"""An operator's dealings with a connection's webhook endpoint: register it, renew it, check it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Final, cast
from urllib.parse import urlsplit
from uuid import UUID

from domain.apps.connection import Connection, secret_context, secret_mark
from domain.billing import Billing
from domain.core import ids
from domain.core.commands import Mode
from domain.gateway.objects import GatewayError, GatewayMisconfigured, GatewayRejected
from domain.inbox.provider_event import ProviderEventReceived
from eventlog.codec import Codec
from eventlog.log import Log
from eventlog.security.vault import Vault
from workers.providers.gateways import open_key
from workers.providers.stripe.client import API_VERSION
from workers.providers.stripe.event_types import EVENT_TYPES
from workers.providers.stripe.webhook_endpoints import Endpoint, StripeEndpoints

_BY: Final = "operator"
_PAGE: Final = 500
_LOOK_EVERY_S: Final = 0.1
_TOLD_EVERY_S: Final = 5.0
_LOOPBACK_NAMES: Final = frozenset({"localhost"})
_REGISTER: Final = "run: billhook connections register-webhook"
_LATER: Final = "try again later; is BILLHOOK_STRIPE_API_BASE right?"


class RegistrationError(Exception):
    """What was asked can't be; the message says what to change."""


@dataclass(frozen=True, kw_only=True)
class RegistrationResult:
    """What became of the endpoint. `deleted`: others that led to the same URL."""

    action: str
    endpoint: str
    url: str
    version: str
    types: int
    secrets: int
    deleted: list[str]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at; `mend` says what to do and is None where all is well."""

    what: str
    mend: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProbeEvent:
    """What became of the event that was caused to see whether webhooks come."""

    seen: bool
    type: str | None
    waited_s: float


class WebhookRegistration:
    """Works on one Stripe connection."""

    def __init__(
        self,
        connection: Connection,
        *,
        billing: Billing,
        vault: Vault,
        api_base: str,
        now: Callable[[], datetime],
    ) -> None:
        if connection.provider != "stripe":
            raise RegistrationError(
                f"{connection.provider} has no endpoints: each payment names its own"
            )
        self._connection = connection
        self._billing = billing
        self._vault = vault
        self._api_base = api_base
        self._now = now
        self._codec = Codec()
        self._endpoints = StripeEndpoints(
            open_key(connection, vault), api_base=api_base, mode=cast("Mode", connection.mode)
        )

    def register(self, base_url: str, *, renew: bool) -> RegistrationResult:
        """Have one endpoint at our URL, in our version, that we know the secret of.

        One that fits is brought up to date. Any other is replaced, and the new one's secret is
        stored before the old one goes; `renew` replaces what fits, too. Raises Unfit.
        """
        url = webhook_url(base_url, self._connection, api_base=self._api_base)
        there = [endpoint for endpoint in self._endpoints.all() if endpoint.url == url]
        fitting = [endpoint for endpoint in there if self._fits(endpoint)]
        if fitting and not renew:
            kept, action = fitting[0].id, "updated"
            self._endpoints.refresh(kept)
        else:
            kept, action = self._make(url), "replaced" if there else "created"
        others = [endpoint.id for endpoint in there if endpoint.id != kept]
        for other in others:
            self._endpoints.delete(other)
        return RegistrationResult(
            action=action,
            endpoint=kept,
            url=url,
            version=API_VERSION,
            types=len(EVENT_TYPES),
            secrets=len(self._connection.sealed_webhook_secrets),
            deleted=others,
        )

    def await_event(self, log: Log, *, timeout_s: float) -> ProbeEvent:
        """Have something told and see it arrive in the inbox, proved by its signature.

        It is told again each few seconds: the API learns of a new secret a moment later, and after
        a refusal Stripe comes back only much later.
        """
        position, began_s, caused = log.head(), time.monotonic(), set[str]()
        while (waited_s := time.monotonic() - began_s) < timeout_s:
            if waited_s >= len(caused) * _TOLD_EVERY_S:
                caused.add(self._endpoints.cause_event())
            for entry in log.read(position, _PAGE, [ProviderEventReceived.TOPIC]):
                position, received = entry.position, self._codec.decode(entry.stored())
                if isinstance(received, ProviderEventReceived) and received.object_id in caused:
                    return ProbeEvent(seen=True, type=received.type, waited_s=round(waited_s, 1))
            time.sleep(_LOOK_EVERY_S)
        return ProbeEvent(seen=False, type=None, waited_s=round(waited_s, 1))

    def check(self) -> Iterator[Finding]:
        """Look at key, mode and endpoint; no finding holds a secret."""
        connection = self._connection
        try:
            self._endpoints.try_key()
            yield Finding(what=f"Stripe accepts the key, and it is of {connection.mode} mode")
            ours = [found for found in self._endpoints.all() if self._is_ours(found)]
        except GatewayError as error:
            yield _trouble(error)
            return
        known = len(connection.sealed_webhook_secrets)
        if not known:
            yield Finding(
                what="the connection has no webhook secret: deliveries are refused", mend=_REGISTER
            )
        if not ours:
            yield Finding(what="no endpoint at Stripe leads to this connection", mend=_REGISTER)
        for endpoint in ours:
            yield from self._check_response(endpoint)
        if len({endpoint.url for endpoint in ours}) > 1:
            yield Finding(
                what="several URLs lead to this connection: each event comes that often",
                mend="delete those that are not needed in Stripe's dashboard",
            )

    def _check_response(self, endpoint: Endpoint) -> Iterator[Finding]:
        name = f"endpoint {endpoint.id} ({endpoint.url})"
        faults = {
            "is disabled": not endpoint.enabled,
            f"is of version {endpoint.version}, not {API_VERSION}": endpoint.version != API_VERSION,
            f"is not told {', '.join(sorted(endpoint.missing))}": bool(endpoint.missing),
            "signs with a secret that the connection does not have": (
                endpoint.mark is not None and endpoint.mark not in self._marks()
            ),
        }
        found = [words for words, true in faults.items() if true]
        for words in found:
            yield Finding(what=f"{name} {words}", mend=_REGISTER)
        if not found and endpoint.mark is None:
            yield Finding(what=f"{name} was made by hand: whether its secret is known is not told")
        elif not found:
            yield Finding(what=f"{name} is enabled, of our version, and its secret is known")

    def _fits(self, endpoint: Endpoint) -> bool:
        return endpoint.version == API_VERSION and endpoint.mark in self._marks()

    def _is_ours(self, endpoint: Endpoint) -> bool:
        return endpoint.url.endswith(_path(self._connection))

    def _make(self, url: str) -> str:
        """Make an endpoint; its secret is kept before anything else is done with it."""
        made, secret = self._endpoints.create(url)
        context = secret_context(self._connection.app_id, self._connection.name)
        sealed = self._vault.seal(secret, context=context)
        self._connection = self._billing.change(
            Connection,
            self._connection.id,
            lambda known: known.set_webhook_secrets(
                [sealed, *known.sealed_webhook_secrets], actor=_BY, occurred_at=self._now()
            ),
        )
        self._endpoints.mark(made, secret_mark(secret))
        return made

    def _marks(self) -> set[str]:
        connection = self._connection
        context = secret_context(connection.app_id, connection.name)
        return {
            secret_mark(self._vault.open(sealed, context=context))
            for sealed in connection.sealed_webhook_secrets
        }


def open_connection(billing: Billing, app_id: UUID, name: str) -> Connection:
    """Load a connection that is in use. Raises Unfit."""
    found = billing.find(Connection, ids.for_connection(app_id, name))
    if found is None or found.deleted:
        raise RegistrationError(f"the app has no connection {name!r}")
    return found


def webhook_url(base_url: str, connection: Connection, *, api_base: str) -> str:
    """Give the URL of a connection's webhooks below `base_url`, which may be that URL itself.

    Raises Unfit. Providers call public https URLs alone; loopback is for stand-ins there.
    """
    parts = urlsplit(base_url)
    if not parts.hostname or parts.query or parts.fragment:
        raise RegistrationError(
            f"{base_url!r} is no URL of this installation, like https://billing.example.com"
        )
    if _is_loopback(parts.hostname):
        if not _is_loopback(urlsplit(api_base).hostname or ""):
            raise RegistrationError(
                "Stripe can't call this machine's loopback: give its public https URL"
            )
    elif parts.scheme != "https" or _is_private(parts.hostname):
        raise RegistrationError("Stripe calls public https URLs alone")
    path, base = _path(connection), base_url.rstrip("/")
    if base.endswith(path):
        return base
    if "/webhooks/" in parts.path:
        raise RegistrationError(f"this URL is another's: the connection's ends with {path}")
    return base + path


def _path(connection: Connection) -> str:
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


def _trouble(error: GatewayError) -> Finding:
    match error:
        case GatewayMisconfigured():
            return Finding(
                what=str(error),
                mend="check the key's mode and permissions, or set another: "
                "billhook connections set",
            )
        case GatewayRejected():
            return Finding(what=f"Stripe refuses what is asked ({error.code})", mend=_LATER)
    return Finding(what=f"Stripe can't be asked: {error}", mend=_LATER)
