"""Confirm an invoice's payment intent directly, as Stripe.js does."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.collection import own_intents
from sandbox.stripe.collection.pay import CHALLENGE, attempt
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import Declined, InvalidRequest
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import Bool, Params, Text
from sandbox.stripe.core.views import view
from sandbox.stripe.invoices.invoices import owned_method


class Confirm(Params):
    """POST /v1/payment_intents/{intent}/confirm."""

    unsupported = frozenset(
        {
            "allowed_payment_method_types", "amount_details", "amount_to_confirm",
            "capture_method", "confirmation_token", "error_on_requires_action",
            "excluded_payment_method_types", "hooks", "mandate", "mandate_data",
            "payment_details", "payment_method_data", "payment_method_options", "radar_options",
            "receipt_email", "setup_future_usage", "shipping",
        }
    )  # fmt: skip
    off_session: Bool = False
    payment_method: Text | None = None
    return_url: Text | None = None
    use_stripe_sdk: Bool | None = None


def confirm(call: Call, params: Confirm) -> Json:
    """Attempts an invoice's payment intent. A required authentication is no error here."""
    intent = call.load("payment_intent", call.path["intent"])
    if intent["status"] in {"succeeded", "canceled", "requires_capture"}:
        raise InvalidRequest(
            f"You cannot confirm this PaymentIntent because it has already {intent['status']}.",
            code="payment_intent_unexpected_state",
            extra={"payment_intent": view(call, intent)},
        )
    if intent.get("_own"):
        chosen = params.payment_method or intent["payment_method"]
        own_intents.confirm(call, intent, chosen, off_session=params.off_session)
        return view(call, intent)
    invoice = call.load("invoice", intent["_invoice"])
    chosen = params.payment_method or intent["payment_method"]
    if chosen is None:
        raise InvalidRequest(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can"
            " either update the PaymentIntent with a payment method and then confirm it again, or"
            " confirm it again directly with a payment method.",
            code="payment_intent_unexpected_state",
            extra={"payment_intent": view(call, intent)},
        )
    method = owned_method(call, chosen, invoice, param="payment_method")
    try:
        attempt(call, invoice, method, off_session=params.off_session)
    except Declined as fault:
        if fault.code != CHALLENGE:
            raise
    return view(call, call.load("payment_intent", intent["id"]))


OPERATIONS: list[Operation] = [
    operation("POST", "/v1/payment_intents/{intent}/confirm", "payment_intent", Confirm, confirm),
]
