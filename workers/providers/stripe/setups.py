"""Set up payment methods through Stripe's Checkout sessions in setup mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import stripe

from domain.core.metadata import SETUP
from domain.gateway.setups import ProviderMethod, SetupDraft, SetupSession
from workers.providers.bounded_fields import read_as
from workers.providers.stripe.client import call_stripe, json_of, pages
from workers.providers.stripe.objects import metadata_of
from workers.providers.stripe.setup_schemas import (
    StripeMethod,
    StripeMethodDetails,
    StripeSession,
)

Json = Mapping[str, Any]

SETUP_MODE: Final = "setup"


def setup_named_by(session: Json) -> UUID | None:
    """Read our setup's id from a session's metadata, if it is one."""
    metadata = session.get("metadata")
    named = metadata.get(SETUP) if isinstance(metadata, dict) else None
    try:
        return UUID(named) if isinstance(named, str) else None
    except ValueError:
        return None


def to_session(session: Json) -> SetupSession:
    """Read a session. Raises ProviderObjectUnreadable."""
    read = read_as(StripeSession, session, kind="session")
    intent = read.setup_intent
    return SetupSession(
        id=read.id,
        state=read.status,
        customer=read.customer,
        expires_at=read.expires_at,
        livemode=read.livemode,
        url=read.url or "",
        method=None if intent is None else _method_of(intent.payment_method),
        metadata=read.metadata,
    )


def _method_of(method: Json | None) -> ProviderMethod | None:
    if method is None:
        return None
    read = read_as(StripeMethod, method, kind="payment_method")
    details = method.get(read.type)
    shown = read_as(StripeMethodDetails, details or {}, kind="payment_method.details")
    return ProviderMethod(id=read.id, type=read.type, brand=shown.brand, last4=shown.last4)


# Payment methods at Stripe: the page that collects one, and the customer's default.

# Without a currency, Checkout requires the types to collect; cards fit all currencies.
_METHODS: Final = ["card"]
_WITH_METHOD: Final[Any] = {"expand": ["setup_intent.payment_method"]}


class SetupCalls:
    """Methods of a gateway for payment-method setups."""

    _client: stripe.StripeClient

    def open_setup(self, draft: SetupDraft, *, key: str) -> SetupSession:
        """Create a page that expires after a day. Stripe docs: create a Checkout Session."""
        params: Any = {
            "mode": SETUP_MODE,
            "customer": draft.customer,
            "allowed_payment_method_types": _METHODS,
            "success_url": draft.return_url,
            "cancel_url": draft.return_url,
            "metadata": draft.metadata,
            "setup_intent_data": {"metadata": draft.metadata},
        }
        sessions = self._client.v1.checkout.sessions
        return to_session(
            json_of(call_stripe(lambda: sessions.create(params, {"idempotency_key": key})))
        )

    def find_setups(self, *, customer: str, reference: str) -> list[SetupSession]:
        """Find setups among the customer's. Stripe docs: list all Checkout Sessions."""
        params = {"customer": customer, "limit": 100}
        return [
            to_session(session)
            for session in pages(self._client.v1.checkout.sessions, params)
            if metadata_of(session).get(SETUP) == reference
        ]

    def fetch_setup(self, session_id: str) -> SetupSession:
        """Fetch a page with its payment method. Stripe docs: retrieve a Checkout Session."""
        sessions = self._client.v1.checkout.sessions
        return to_session(json_of(call_stripe(lambda: sessions.retrieve(session_id, _WITH_METHOD))))

    def set_default_method(self, customer_id: str, method: str, *, key: str) -> None:
        """Make the method the customer's default. Stripe docs: update a customer."""
        params: Any = {"invoice_settings": {"default_payment_method": method}}
        call_stripe(
            lambda: self._client.v1.customers.update(customer_id, params, {"idempotency_key": key})
        )
