"""Payment methods at Stripe: a page where one is left, and which is charged by default."""

from __future__ import annotations

from typing import Any, Final

import stripe

from domain.provider_setup import SetupDraft, SetupSession
from workers.providers.stripe_calls import ask, json_of, pages
from workers.providers.stripe_setup_objects import SETUP, SETUP_MODE, to_session

# Where nobody chose a currency, Checkout has to be told what may be left: a card fits them all.
_METHODS: Final = ["card"]
_WITH_METHOD: Final[Any] = {"expand": ["setup_intent.payment_method"]}


class Setups:
    """The verbs of a gateway that concern leaving a payment method."""

    _client: stripe.StripeClient

    def open_setup(self, draft: SetupDraft, *, key: str) -> SetupSession:
        """Open a page, for a day. Stripe docs: create a Checkout Session."""
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
        return to_session(json_of(ask(lambda: sessions.create(params, {"idempotency_key": key}))))

    def find_setups(self, *, customer: str, reference: str) -> list[SetupSession]:
        """Look through the customer's sessions. Stripe docs: list all Checkout Sessions."""
        params = {"customer": customer, "limit": 100}
        return [
            to_session(session)
            for session in pages(self._client.v1.checkout.sessions, params)
            if (session.get("metadata") or {}).get(SETUP) == reference
        ]

    def fetch_setup(self, session_id: str) -> SetupSession:
        """Fetch a page with what was left. Stripe docs: retrieve a Checkout Session."""
        sessions = self._client.v1.checkout.sessions
        return to_session(json_of(ask(lambda: sessions.retrieve(session_id, _WITH_METHOD))))

    def set_default_method(self, customer_id: str, method: str, *, key: str) -> None:
        """Charge it where an invoice names none. Stripe docs: update a customer."""
        params: Any = {"invoice_settings": {"default_payment_method": method}}
        ask(lambda: self._client.v1.customers.update(customer_id, params, {"idempotency_key": key}))
