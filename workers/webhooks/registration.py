"""Register, renew and check the webhook endpoint of a Stripe connection for an operator."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from domain.apps.connection import Connection, secret_context, secret_mark
from domain.billing import Billing
from domain.core.providers import Mode
from domain.gateway.errors import GatewayError, GatewayMisconfigured, GatewayRejected
from domain.inbox.provider_event import ProviderEventReceived
from domain.inbox.webhook_health import (
    DISABLED,
    HEALTHY,
    MISCONFIGURED,
    MISSING,
    EndpointState,
)
from eventlog.codec import Codec
from eventlog.log import Log
from eventlog.security.vault import Vault
from projections.inbox.delivery_evidence import NO_EVIDENCE, DeliveryEvidence
from workers.errors import OperatorError
from workers.providers.gateways import open_key
from workers.providers.stripe.client import API_VERSION
from workers.providers.stripe.event_types import EVENT_TYPES
from workers.providers.stripe.webhook_endpoints import Endpoint, StripeEndpoints
from workers.webhooks.webhook_url import webhook_path, webhook_url

_BY: Final = "operator"
_PAGE: Final = 500
_POLL_S: Final = 0.1
_CAUSE_EVERY_S: Final = 5.0
_REGISTER: Final = "run: billhook connections register-webhook"
_BEST_FIRST: Final = (HEALTHY, MISCONFIGURED, DISABLED)
_ADD_OR_REGISTER: Final = (
    "add it: billhook connections webhook-secrets --add; or have another endpoint made: billhook"
    " connections register-webhook"
)
_REFUSED: Final = "sends deliveries that no stored secret verifies"
_LATER: Final = "try again later; is BILLHOOK_STRIPE_API_BASE right?"


@dataclass(frozen=True, kw_only=True)
class RegistrationResult:
    """Result of a registration. `deleted`: ids of other endpoints with the same URL."""

    action: str
    endpoint: str
    url: str
    version: str
    types: int
    secrets: int
    deleted: list[str]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Result of one check; `remedy` is None when the check passed."""

    text: str
    remedy: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProbeEvent:
    """Result of the test event. `type` is None when none arrived."""

    arrived: bool
    type: str | None
    waited_s: float


class WebhookRegistration:
    """Manage the webhook endpoint of one Stripe connection."""

    def __init__(
        self,
        connection: Connection,
        *,
        billing: Billing,
        vault: Vault,
        api_base: str,
        now: Callable[[], datetime],
        evidence: DeliveryEvidence = NO_EVIDENCE,
    ) -> None:
        """Use what the connection's deliveries say of the endpoint's secret, if it is known."""
        if connection.provider != "stripe":
            raise OperatorError(
                f"{connection.provider} has no webhook endpoints: each payment carries its own URL"
            )
        self._connection = connection
        self._billing = billing
        self._vault = vault
        self._api_base = api_base
        self._now = now
        self._evidence = evidence
        self._codec = Codec()
        self._endpoints = StripeEndpoints(
            open_key(connection, vault), api_base=api_base, mode=cast("Mode", connection.mode)
        )

    def register(self, base_url: str, *, renew: bool) -> RegistrationResult:
        """Leave one endpoint at our URL, in our API version, whose secret is stored.

        A matching endpoint is updated. Any other is replaced, and the new secret is stored before
        the old endpoint is deleted. `renew` replaces a matching one too. Raises OperatorError.
        """
        url = webhook_url(base_url, self._connection, api_base=self._api_base)
        present = [endpoint for endpoint in self._endpoints.all() if endpoint.url == url]
        evidence = self._evidence_on(present)
        matching = [endpoint for endpoint in present if self._matches(endpoint, evidence)]
        if matching and not renew:
            kept, action = matching[0].id, "updated"
            self._endpoints.refresh(kept)
            if matching[0].mark not in self._marks():
                self._endpoints.mark(kept, self._marks()[0])
        else:
            kept, action = self._create(url), "replaced" if present else "created"
        others = [endpoint.id for endpoint in present if endpoint.id != kept]
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
        """Cause an event at Stripe and wait until its signed delivery is in the inbox.

        Another event is caused every few seconds: the API learns of a new secret a moment later,
        and Stripe retries a refused delivery only much later.
        """
        position, began_s, caused = log.head(), time.monotonic(), set[str]()
        while (waited_s := time.monotonic() - began_s) < timeout_s:
            if waited_s >= len(caused) * _CAUSE_EVERY_S:
                caused.add(self._endpoints.cause_event())
            for entry in log.read(position, _PAGE, [ProviderEventReceived.TOPIC]):
                position, received = entry.position, self._codec.decode(entry.stored())
                if isinstance(received, ProviderEventReceived) and received.object_id in caused:
                    return ProbeEvent(arrived=True, type=received.type, waited_s=round(waited_s, 1))
            time.sleep(_POLL_S)
        return ProbeEvent(arrived=False, type=None, waited_s=round(waited_s, 1))

    def check(self) -> Iterator[Finding]:
        """Check key, mode and endpoint; no finding contains a secret."""
        connection = self._connection
        try:
            self._endpoints.try_key()
            yield Finding(text=f"Stripe accepts the key, in {connection.mode} mode")
            registered = [found for found in self._endpoints.all() if self._is_registered(found)]
        except GatewayError as error:
            yield _failed_call(error)
            return
        known = len(connection.sealed_webhook_secrets)
        if not known:
            yield Finding(
                text="the connection has no webhook secret: deliveries are rejected",
                remedy=_REGISTER,
            )
        if not registered:
            yield Finding(
                text="no webhook endpoint at Stripe has this connection's URL", remedy=_REGISTER
            )
        for endpoint in registered:
            yield from self._check_endpoint(endpoint, self._evidence_on(registered))
        if len({endpoint.url for endpoint in registered}) > 1:
            yield Finding(
                text="several URLs lead to this connection: each event is delivered once per URL",
                remedy="delete the unneeded ones in Stripe's dashboard",
            )

    def state(self) -> EndpointState:
        """Return the state of the endpoint with the connection's URL. Raises the port's errors.

        Of several the best one counts: each delivers every event.
        """
        registered = [found for found in self._endpoints.all() if self._is_registered(found)]
        if not registered:
            return EndpointState(state=MISSING, problems=["no endpoint has the connection's URL"])
        evidence = self._evidence_on(registered)
        states = [self._state_of(endpoint, evidence) for endpoint in registered]
        return min(states, key=lambda known: _BEST_FIRST.index(known.state))

    def enable(self) -> list[str]:
        """Enable the endpoints with the connection's URL for our event types; return their ids.

        Raises OperatorError where there is none.
        """
        registered = [one.id for one in self._endpoints.all() if self._is_registered(one)]
        if not registered:
            raise OperatorError(f"no endpoint at Stripe has this connection's URL; {_REGISTER}")
        for endpoint_id in registered:
            self._endpoints.refresh(endpoint_id)
        return registered

    def _evidence_on(self, endpoints: Sequence[Endpoint]) -> DeliveryEvidence:
        """Return what deliveries say of an endpoint; of several, none is known to be its own."""
        return self._evidence if len(endpoints) == 1 else NO_EVIDENCE

    def _state_of(self, endpoint: Endpoint, evidence: DeliveryEvidence) -> EndpointState:
        state = HEALTHY
        problems = self._problems(endpoint, evidence)
        if problems:
            state = MISCONFIGURED if endpoint.enabled else DISABLED
        return EndpointState(state=state, endpoint_id=endpoint.id, problems=problems)

    def _problems(self, endpoint: Endpoint, evidence: DeliveryEvidence) -> list[str]:
        """Return what is wrong with an endpoint, without secrets and URLs."""
        faults = {
            "is disabled": not endpoint.enabled,
            f"has API version {endpoint.version}, not {API_VERSION}": endpoint.version
            != API_VERSION,
            f"does not receive {', '.join(sorted(endpoint.missing))}": bool(endpoint.missing),
            "signs with a secret that is not stored": (
                endpoint.mark is not None and not self._has_secret_of(endpoint, evidence)
            ),
            _REFUSED: evidence.is_refused,
        }
        return [fault for fault, present in faults.items() if present]

    def _check_endpoint(self, endpoint: Endpoint, evidence: DeliveryEvidence) -> Iterator[Finding]:
        name, found = f"endpoint {endpoint.id} ({endpoint.url})", self._problems(endpoint, evidence)
        for fault in found:
            remedy = _ADD_OR_REGISTER if fault == _REFUSED else _REGISTER
            yield Finding(text=f"{name} {fault}", remedy=remedy)
        if not found and endpoint.mark is None:
            yield Finding(
                text=f"{name} was created outside Billhook: its secret cannot be compared"
            )
        elif not found:
            yield Finding(text=f"{name} is enabled, has our API version, and its secret is stored")

    def _matches(self, endpoint: Endpoint, evidence: DeliveryEvidence) -> bool:
        return (
            endpoint.version == API_VERSION
            and self._has_secret_of(endpoint, evidence)
            and not evidence.is_refused
        )

    def _has_secret_of(self, endpoint: Endpoint, evidence: DeliveryEvidence) -> bool:
        """Return whether the endpoint's secret is stored.

        Its mark is that of the secret with which it was made. One that was rolled in Stripe's
        dashboard since leaves the mark as it was, but its deliveries are verified.
        """
        return evidence.is_verified or endpoint.mark in self._marks()

    def _is_registered(self, endpoint: Endpoint) -> bool:
        return endpoint.url.endswith(webhook_path(self._connection))

    def _create(self, url: str) -> str:
        """Create an endpoint and store its secret before the next call; returns its id."""
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

    def _marks(self) -> list[str]:
        """Return the marks of the stored secrets, the newest first."""
        connection = self._connection
        context = secret_context(connection.app_id, connection.name)
        return [
            secret_mark(self._vault.open(sealed, context=context))
            for sealed in connection.sealed_webhook_secrets
        ]


def _failed_call(error: GatewayError) -> Finding:
    match error:
        case GatewayMisconfigured():
            return Finding(
                text=str(error),
                remedy="check the key's mode and permissions, or set another key: "
                "billhook connections set",
            )
        case GatewayRejected():
            return Finding(text=f"Stripe rejects the request ({error.code})", remedy=_LATER)
    return Finding(text=f"Stripe is not available: {error}", remedy=_LATER)
