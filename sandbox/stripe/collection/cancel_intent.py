"""Cancel a payment intent directly, and replace the intent of an open invoice."""

from __future__ import annotations

from typing import Literal

from sandbox.common.store import Json
from sandbox.stripe.collection import own_intents
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import Params
from sandbox.stripe.core.views import view
from sandbox.stripe.invoices.lifecycle import cancel_intent
from sandbox.stripe.payments.invoice_payments import new_payment, of_invoice
from sandbox.stripe.payments.payment_intents import new_intent

FINAL = frozenset({"succeeded", "canceled", "processing"})


class Cancel(Params):
    """POST /v1/payment_intents/{intent}/cancel."""

    cancellation_reason: (
        Literal["abandoned", "duplicate", "fraudulent", "requested_by_customer"] | None
    ) = None


def cancel(call: Call, params: Cancel) -> Json:
    """Cancels a payment intent that is not processing or final. Its invoice stays open."""
    intent = call.load("payment_intent", call.path["intent"])
    if intent["status"] in FINAL:
        raise InvalidRequest(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
            " Only a PaymentIntent with one of the following statuses may be canceled:"
            " requires_payment_method, requires_capture, requires_confirmation, requires_action.",
            code="payment_intent_unexpected_state",
            extra={"payment_intent": view(call, intent)},
        )
    if intent.get("_own"):
        own_intents.cancel_own(call, intent, reason=params.cancellation_reason)
        return view(call, intent)
    invoice = call.load("invoice", intent["_invoice"])
    cancel_intent(call, invoice, reason=params.cancellation_reason)
    return view(call, call.load("payment_intent", intent["id"]))


def payable_intent(call: Call, invoice: Json) -> Json:
    """Returns the intent to pay an invoice with; replaces a canceled one."""
    intent = call.load("payment_intent", invoice["_payment_intent"])
    if intent["status"] != "canceled":
        return intent
    earlier = of_invoice(call, invoice)
    if earlier is not None:
        call.change(earlier, {"is_default": False})
    intent = call.create(new_intent(call, invoice), "payment_intent.created")
    invoice["_payment_intent"] = intent["id"]
    call.put(invoice)
    call.put(new_payment(call, invoice, intent))
    return intent


OPERATIONS: list[Operation] = [
    operation("POST", "/v1/payment_intents/{intent}/cancel", "payment_intent", Cancel, cancel),
]
