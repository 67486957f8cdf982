"""Set up payment methods through Stripe's Checkout sessions in setup mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast, get_args
from uuid import UUID

import stripe

from domain.core.metadata import SETUP
from domain.gateway.setups import ProviderMethod, SessionState, SetupDraft, SetupSession
from workers.providers.stripe.client import call_stripe, json_of, pages
from workers.providers.stripe.objects import id_of, text_of, whole

Json = Mapping[str, Any]

SETUP_MODE: Final = "setup"

_STATES: Final = frozenset(get_args(SessionState))


def setup_named_by(session: Json) -> UUID | None:
    """Read our setup's id from a session's metadata, if it is one."""
    named = (session.get("metadata") or {}).get(SETUP)
    try:
        return None if named is None else UUID(named)
    except ValueError:
        return None


def to_session(session: Json) -> SetupSession:
    """Read a session. Raises ValueError, KeyError or TypeError if it is malformed."""
    state = session["status"]
    if state not in _STATES or session["mode"] != SETUP_MODE:
        raise ValueError(f"no session of setup mode that we know: {state}")
    return SetupSession(
        id=text_of(session["id"]),
        state=cast("SessionState", state),
        customer=text_of(id_of(session["customer"])),
        expires_at=whole(session["expires_at"]),
        livemode=session["livemode"],
        url=session.get("url") or "",
        method=_method_of(session.get("setup_intent")),
        metadata=dict(session.get("metadata") or {}),
    )


def _method_of(intent: Any) -> ProviderMethod | None:  # noqa: ANN401 - an id, or the object if expanded
    method = intent.get("payment_method") if isinstance(intent, dict) else None
    if not isinstance(method, dict):
        return None
    details = method.get(method["type"]) or {}
    return ProviderMethod(
        id=text_of(method["id"]),
        type=text_of(method["type"]),
        brand=details.get("brand"),
        last4=details.get("last4"),
    )


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
            if (session.get("metadata") or {}).get(SETUP) == reference
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
