"""Setup intents: check and save a payment method, without a charge."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator

from sandbox.common.store import Json, equal
from sandbox.stripe.checkout.setup import set_up
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, Declined, InvalidRequest
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import (
    Bool,
    Clearable,
    CreatedPage,
    Metadata,
    NestedParams,
    NoParams,
    Params,
    Text,
    none_if_empty,
)
from sandbox.stripe.core.updates import given_fields, merged_metadata
from sandbox.stripe.core.views import view
from sandbox.stripe.customers.customers import existing_customer

_UNSUPPORTED = frozenset(
    {
        "allowed_payment_method_types", "attach_to_self", "confirmation_token", "customer_account",
        "excluded_payment_method_types", "flow_directions", "mandate_data", "on_behalf_of",
        "payment_method_configuration", "payment_method_data", "payment_method_options",
        "single_use",
    }
)  # fmt: skip


class Automatic(NestedParams):
    """Automatic payment methods; always enabled in the sandbox."""

    enabled: Bool
    allow_redirects: Literal["always", "never"] | None = None


class CreateSetupIntent(Params):
    """POST /v1/setup_intents."""

    unsupported = _UNSUPPORTED
    automatic_payment_methods: Annotated[
        Automatic | None, BeforeValidator(none_if_empty)
    ] = None  # fmt: skip
    confirm: Bool = False
    customer: Text | None = None
    description: Text | None = None
    metadata: Metadata | None = None
    payment_method: Text | None = None
    return_url: Text | None = None
    usage: Literal["off_session", "on_session"] = "off_session"
    use_stripe_sdk: Bool | None = None


class UpdateSetupIntent(Params):
    """POST /v1/setup_intents/{intent}."""

    unsupported = _UNSUPPORTED | {"customer", "payment_method"}
    description: Clearable | None = None
    metadata: Metadata | None = None


class ConfirmSetupIntent(Params):
    """POST /v1/setup_intents/{intent}/confirm."""

    unsupported = _UNSUPPORTED
    payment_method: Text | None = None
    return_url: Text | None = None
    use_stripe_sdk: Bool | None = None


class CancelSetupIntent(Params):
    """POST /v1/setup_intents/{intent}/cancel."""

    cancellation_reason: Literal["abandoned", "duplicate", "requested_by_customer"] | None = None


class ListSetupIntents(CreatedPage):
    """GET /v1/setup_intents."""

    unsupported = frozenset({"attach_to_self", "customer_account"})
    customer: Text | None = None
    payment_method: Text | None = None


def new_intent(call: Call, *, customer: str | None, **fields: object) -> Json:
    """Returns a setup intent without a payment method, not yet stored."""
    intent_id = ids.fresh("seti_")
    nothing = (
        "allowed_payment_method_types", "application", "automatic_payment_methods",
        "cancellation_reason", "customer_account", "description", "excluded_payment_method_types",
        "flow_directions", "last_setup_error", "latest_attempt", "mandate", "next_action",
        "on_behalf_of", "payment_method", "payment_method_configuration_details",
        "single_use_mandate",
    )  # fmt: skip
    return {
        "id": intent_id,
        "object": "setup_intent",
        **dict.fromkeys(nothing),
        "client_secret": f"{intent_id}_secret_{ids.random_text(25)}",
        "created": call.now,
        "customer": customer,
        "livemode": call.account.livemode,
        "metadata": {},
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card", "sepa_debit"],
        "status": "requires_payment_method",
        "usage": "off_session",
        **fields,
    }


def create(call: Call, params: CreateSetupIntent) -> Json:
    """Creates a setup intent, and confirms it if ``confirm`` is true."""
    if params.customer:
        existing_customer(call, params.customer, param="customer")
    if params.confirm and not params.payment_method:
        raise BadParameters(
            "Missing required param: payment_method.",
            code="parameter_missing",
            param="payment_method",
        )
    intent = new_intent(
        call,
        customer=params.customer,
        description=params.description,
        metadata=merged_metadata({}, params.metadata),
        usage=params.usage,
    )
    if params.automatic_payment_methods:
        chosen = params.automatic_payment_methods.model_dump(exclude_none=True)
        intent["automatic_payment_methods"] = {"allow_redirects": "always"} | chosen
    call.create(intent, "setup_intent.created")
    if params.payment_method:
        set_up(call, intent, params.payment_method, confirm=params.confirm)
    return view(call, intent)


def confirm(call: Call, params: ConfirmSetupIntent) -> Json:
    """Checks the payment method with its bank and saves it. Raises Declined."""
    intent = load_open(call, call.path["intent"], verb="confirm")
    method = params.payment_method or intent["payment_method"]
    if method is None:
        raise InvalidRequest(
            "You cannot confirm this SetupIntent because it's missing a payment method.",
            code="setup_intent_unexpected_state",
        )
    set_up(call, intent, method)
    return view(call, intent)


def load_open(call: Call, intent_id: str, *, verb: str) -> Json:
    """Returns a setup intent that is not final. Raises InvalidRequest otherwise."""
    intent = call.load("setup_intent", intent_id)
    if intent["status"] in {"succeeded", "canceled"}:
        raise InvalidRequest(
            f"You cannot {verb} this SetupIntent because it has a status of {intent['status']}.",
            code="setup_intent_unexpected_state",
        )
    return intent


def authenticate(call: Call, intent: Json) -> Json:
    """Authenticates a setup intent in ``requires_action``, as its customer does."""
    if intent["status"] != "requires_action":
        raise InvalidRequest("This SetupIntent does not wait for its customer.")
    try:
        set_up(call, intent, intent["payment_method"], authenticated=True)
    except Declined:
        return intent
    return intent


def cancel(call: Call, params: CancelSetupIntent) -> Json:
    """Cancels a setup intent that is not final."""
    intent = load_open(call, call.path["intent"], verb="cancel")
    return view(call, mark_canceled(call, intent, reason=params.cancellation_reason))


def mark_canceled(call: Call, intent: Json, *, reason: str | None) -> Json:
    """Marks a setup intent as canceled."""
    ended: Json = {"cancellation_reason": reason, "next_action": None, "status": "canceled"}
    call.change(intent, ended)
    call.emit("setup_intent.canceled", intent)
    return intent


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a setup intent."""
    return view(call, call.load("setup_intent", call.path["intent"]))


def update(call: Call, params: UpdateSetupIntent) -> Json:
    """Updates the given fields."""
    intent = call.load("setup_intent", call.path["intent"])
    return view(call, call.change(intent, given_fields(params, intent, clear=("description",))))


def listing(call: Call, params: ListSetupIntents) -> Json:
    """Returns a page of setup intents."""
    filters = equal(payment_method=params.payment_method)
    url, owner = "/v1/setup_intents", params.customer
    return page(call, "setup_intent", params, url=url, owner=owner, filters=filters)


_ALL, _ONE = "/v1/setup_intents", "/v1/setup_intents/{intent}"

OPERATIONS: list[Operation] = [
    operation("POST", _ALL, "setup_intent", CreateSetupIntent, create),
    operation("GET", _ALL, "list:setup_intent", ListSetupIntents, listing),
    operation("GET", _ONE, "setup_intent", NoParams, retrieve),
    operation("POST", _ONE, "setup_intent", UpdateSetupIntent, update),
    operation("POST", f"{_ONE}/confirm", "setup_intent", ConfirmSetupIntent, confirm),
    operation("POST", f"{_ONE}/cancel", "setup_intent", CancelSetupIntent, cancel),
]
