"""Manage webhook endpoints at Stripe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import stripe

from domain.core.metadata import ENDPOINT_MARK
from domain.core.providers import Mode
from workers.providers.bounded_fields import reading
from workers.providers.retry import RetryingCaller
from workers.providers.stripe.client import (
    API_VERSION,
    call_stripe,
    json_of,
    open_client,
    page_of,
)
from workers.providers.stripe.event_types import EVENT_TYPES

_PAGE: Final = 100


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint at Stripe. `mark` identifies its secret, if we created it."""

    id: str
    url: str
    enabled: bool
    version: str | None
    types: frozenset[str]
    mark: str | None

    @property
    def missing(self) -> frozenset[str]:
        """Return our event types for which the endpoint is not registered."""
        return frozenset() if "*" in self.types else frozenset(EVENT_TYPES) - self.types


class StripeEndpoints:
    """The endpoints of one Stripe account in one mode. All calls raise the port's errors."""

    def __init__(self, api_key: str, *, api_base: str, mode: Mode) -> None:
        self._v1 = open_client(api_key, api_base=api_base, mode=mode).v1

    def try_key(self) -> None:
        """Make a read that every flow needs; raises if the key lacks the permission."""
        call_stripe(lambda: self._v1.customers.list({"limit": 1}))

    def cause_event(self) -> str:
        """Create and delete a customer, which causes events; return its id.

        The answer shows the key's actual mode.
        """
        params: stripe.params.CustomerCreateParams = {
            "description": "Billhook: does the webhook come?"
        }
        made = call_stripe(lambda: self._v1.customers.create(params))
        customer = str(json_of(made)["id"])
        RetryingCaller(tries=3)(lambda: call_stripe(lambda: self._v1.customers.delete(customer)))
        return customer

    def all(self) -> Iterator[Endpoint]:
        """List every endpoint. Stripe docs: list all webhook endpoints."""
        params: stripe.params.WebhookEndpointListParams = {"limit": _PAGE}
        while True:
            listed, last = page_of(call_stripe(lambda: self._v1.webhook_endpoints.list(params)))
            yield from map(_endpoint, listed)
            if last is None:
                return
            params["starting_after"] = last

    def create(self, url: str) -> tuple[str, str]:
        """Create an endpoint with our API version; return its id and secret, shown only once."""
        made = call_stripe(
            lambda: self._v1.webhook_endpoints.create(
                {
                    "url": url,
                    "enabled_events": list(EVENT_TYPES),
                    "api_version": API_VERSION,
                    "description": "Billhook",
                }
            )
        )
        body = json_of(made)
        return body["id"], body["secret"]

    def mark(self, endpoint_id: str, mark: str) -> None:
        """Store the mark of the endpoint's secret in its metadata."""
        call_stripe(
            lambda: self._v1.webhook_endpoints.update(
                endpoint_id, {"metadata": {ENDPOINT_MARK: mark}}
            )
        )

    def refresh(self, endpoint_id: str) -> None:
        """Register the endpoint for all our event types and enable it."""
        call_stripe(
            lambda: self._v1.webhook_endpoints.update(
                endpoint_id, {"enabled_events": list(EVENT_TYPES), "disabled": False}
            )
        )

    def delete(self, endpoint_id: str) -> None:
        """Delete the endpoint and its pending deliveries."""
        call_stripe(lambda: self._v1.webhook_endpoints.delete(endpoint_id))


def _endpoint(found: dict[str, Any]) -> Endpoint:
    with reading("webhook_endpoint"):
        return Endpoint(
            id=found["id"],
            url=found["url"],
            enabled=found["status"] == "enabled",
            version=found["api_version"],
            types=frozenset(found["enabled_events"]),
            mark=found["metadata"].get(ENDPOINT_MARK),
        )
