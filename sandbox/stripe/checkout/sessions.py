"""Checkout sessions of mode ``setup``: a customer saves a payment method on Stripe's page.

Other modes are not supported: all charges are made through invoices.
"""

from __future__ import annotations

from typing import Literal

from sandbox.common.store import Json, equal
from sandbox.stripe.checkout import setup_intents
from sandbox.stripe.checkout.session_object import new_session
from sandbox.stripe.checkout.setup import set_up
from sandbox.stripe.core import agenda
from sandbox.stripe.core.agenda import Due
from sandbox.stripe.core.agenda_runner import Actions
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, InvalidRequest
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import (
    CreatedPage,
    Currency,
    Int,
    Metadata,
    NestedParams,
    NoParams,
    Params,
    Text,
    Texts,
)
from sandbox.stripe.core.updates import given_fields, merged_metadata
from sandbox.stripe.core.views import view
from sandbox.stripe.customers.customers import existing_customer

EXPIRE = "checkout.session.expire"
DAY_S = 86400
SHORTEST_S = 30 * 60


class SetupIntentData(NestedParams):
    """Parameters of the session's setup intent."""

    description: Text | None = None
    metadata: Metadata | None = None


class CreateSession(Params):
    """POST /v1/checkout/sessions."""

    unsupported = frozenset(
        {
            "adaptive_pricing", "after_expiration", "allow_promotion_codes", "automatic_tax",
            "billing_address_collection", "branding_settings", "consent_collection",
            "custom_fields", "custom_text", "customer_account", "customer_creation",
            "customer_update", "discounts", "excluded_payment_method_types",
            "integration_identifier", "invoice_creation", "line_items", "managed_payments",
            "name_collection", "optional_items", "origin_context", "payment_intent_data",
            "payment_method_collection", "payment_method_configuration", "payment_method_data",
            "payment_method_options", "permissions", "phone_number_collection",
            "redirect_on_completion", "return_url", "saved_payment_method_options",
            "setup_intent_data[on_behalf_of]", "shipping_address_collection", "shipping_options",
            "submit_type", "subscription_data", "tax_id_collection", "ui_mode", "wallet_options",
        }
    )  # fmt: skip
    mode: Literal["setup", "payment", "subscription"]
    allowed_payment_method_types: Texts | None = None
    cancel_url: Text | None = None
    client_reference_id: Text | None = None
    currency: Currency | None = None
    customer: Text | None = None
    customer_email: Text | None = None
    expires_at: Int | None = None
    locale: Text | None = None
    metadata: Metadata | None = None
    setup_intent_data: SetupIntentData | None = None
    success_url: Text


class UpdateSession(Params):
    """POST /v1/checkout/sessions/{session}."""

    unsupported = frozenset(
        {"collected_information", "line_items", "payment_intent_data", "shipping_options"}
    )
    metadata: Metadata | None = None


class ListSessions(CreatedPage):
    """GET /v1/checkout/sessions."""

    unsupported = frozenset({"customer_account", "customer_details", "payment_link"})
    customer: Text | None = None
    payment_intent: Text | None = None
    status: Literal["complete", "expired", "open"] | None = None
    subscription: Text | None = None


def create(call: Call, params: CreateSession) -> Json:
    """Creates a session with its setup intent; ``expires_at`` defaults to one day."""
    _check(call, params)
    data = params.setup_intent_data or SetupIntentData()
    intent = setup_intents.new_intent(
        call,
        customer=params.customer,
        description=data.description,
        metadata=merged_metadata({}, data.metadata),
    )
    names = ("cancel_url", "client_reference_id", "customer", "customer_email", "locale")
    session = new_session(call, intent["id"]) | {
        **{name: getattr(params, name) for name in (*names, "success_url")},
        "allowed_payment_method_types": params.allowed_payment_method_types,
        "currency": params.currency.lower() if params.currency else None,
        "expires_at": params.expires_at or call.now + DAY_S,
        "metadata": merged_metadata({}, params.metadata),
    }
    call.create(intent, "setup_intent.created")
    call.put(session)
    call.store.execute(
        "INSERT INTO checkout_pages (session, account) VALUES (?, ?)",
        session["id"],
        call.account.id,
    )
    agenda.plan(call, at=session["expires_at"], kind=EXPIRE, object_id=session["id"])
    return view(call, session)


def _check(call: Call, params: CreateSession) -> None:
    if params.mode != "setup":
        raise BadParameters(
            f"This sandbox does not implement Checkout in `{params.mode}` mode.", param="mode"
        )
    if params.customer:
        existing_customer(call, params.customer, param="customer")
    if params.customer and params.customer_email:
        raise BadParameters(
            "You may only specify one of these parameters: customer, customer_email.",
            code="parameters_exclusive",
        )
    if params.currency is None and params.allowed_payment_method_types is None:
        raise BadParameters(
            "`currency` is required in `setup` mode if `allowed_payment_method_types` is not"
            " passed.",
            code="parameter_missing",
            param="currency",
        )
    life_s = (params.expires_at or call.now + DAY_S) - call.now
    if not SHORTEST_S <= life_s <= DAY_S:
        raise BadParameters(
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from"
            " Checkout Session creation.",
            param="expires_at",
        )


def open_session(call: Call, session_id: str) -> Json:
    """Returns an open session. Raises InvalidRequest otherwise."""
    session = call.load("checkout.session", session_id)
    if session["status"] != "open":
        raise InvalidRequest(
            'Only Checkout Sessions with a status in ["open"] can be expired or completed.'
            f" This Checkout Session has a status of {session['status']}."
        )
    return session


def complete_session(call: Call, session: Json, choice: str) -> Json:
    """Completes a session with a payment method: a test card or IBAN. Raises Declined.

    The page includes authentication, so the method counts as authenticated.
    """
    intent = call.load("setup_intent", session["setup_intent"])
    set_up(call, intent, choice, authenticated=True)
    customer = call.find("customer", session["customer"])
    names = ("address", "email", "name", "phone")
    details: Json = {name: customer[name] if customer else None for name in names}
    details["email"] = details["email"] or session["customer_email"]
    known: Json = {"tax_exempt": "none", "tax_ids": []}
    known |= {"business_name": None, "individual_name": None}
    ended: Json = {"customer_details": details | known, "status": "complete", "url": None}
    call.change(session, ended)
    agenda.cancel(call, object_id=session["id"])
    call.emit("checkout.session.completed", session)
    return session


def expire(call: Call, _: NoParams) -> Json:
    """Expires an open session; its page accepts no more submissions."""
    return view(call, expire_session(call, open_session(call, call.path["session"])))


def expire_session(call: Call, session: Json) -> Json:
    """Expires a session and cancels its setup intent."""
    agenda.cancel(call, object_id=session["id"])
    call.change(session, {"status": "expired", "url": None})
    intent = call.load("setup_intent", session["setup_intent"])
    if intent["status"] not in {"succeeded", "canceled"}:
        setup_intents.mark_canceled(call, intent, reason="abandoned")
    call.emit("checkout.session.expired", session)
    return session


def _expire_due(call: Call, due: Due) -> None:
    expire_session(call, open_session(call, due.object_id))


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a session."""
    return view(call, call.load("checkout.session", call.path["session"]))


def update(call: Call, params: UpdateSession) -> Json:
    """Updates the metadata."""
    session = call.load("checkout.session", call.path["session"])
    return view(call, call.change(session, given_fields(params, session)))


def listing(call: Call, params: ListSessions) -> Json:
    """Returns a page of sessions."""
    filters = equal(
        status=params.status,
        payment_intent=params.payment_intent,
        subscription=params.subscription,
    )
    url, owner = "/v1/checkout/sessions", params.customer
    return page(call, "checkout.session", params, url=url, owner=owner, filters=filters)


_ALL, _ONE = "/v1/checkout/sessions", "/v1/checkout/sessions/{session}"

OPERATIONS: list[Operation] = [
    operation("POST", _ALL, "checkout.session", CreateSession, create),
    operation("GET", _ALL, "list:checkout.session", ListSessions, listing),
    operation("GET", _ONE, "checkout.session", NoParams, retrieve),
    operation("POST", _ONE, "checkout.session", UpdateSession, update),
    operation("POST", f"{_ONE}/expire", "checkout.session", NoParams, expire),
]

ACTIONS: Actions = {EXPIRE: _expire_due}
