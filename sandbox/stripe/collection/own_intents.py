"""Payment intents that no invoice made: create, confirm, capture, cancel; holds lapse.

With ``capture_method: manual`` a confirmed intent holds its amount (``requires_capture``) until it
is captured, once, or canceled; a hold lapses after seven days. The rest of a partial capture is
released: the charge keeps its ``amount``, and ``amount_captured`` is what was taken.
"""

from __future__ import annotations

from typing import Literal

from sandbox.common.store import Json
from sandbox.stripe.collection import part_payments
from sandbox.stripe.core import agenda, ledger
from sandbox.stripe.core.agenda import Due
from sandbox.stripe.core.agenda_runner import Actions
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, Declined, InvalidRequest
from sandbox.stripe.core.money import check_charge
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import Bool, Clearable, Currency, Int, Metadata, Params, Text
from sandbox.stripe.core.updates import merged_metadata
from sandbox.stripe.core.views import view
from sandbox.stripe.customers.customers import existing_customer
from sandbox.stripe.invoices.invoices import owned_method
from sandbox.stripe.payment_methods.cards import (
    AUTHENTICATION,
    BY_NUMBER,
    Decline,
    needs_authentication,
)
from sandbox.stripe.payments.charges import new_charge
from sandbox.stripe.payments.payment_intents import bare_intent

HOLD_S = 7 * 86400
LAPSE = "payment_intent.lapse"

CaptureMethod = Literal["automatic", "automatic_async", "manual"]


class CreateIntent(Params):
    """POST /v1/payment_intents, for cards of a customer."""

    unsupported = frozenset(
        {
            "allowed_payment_method_types", "amount_details", "application_fee_amount",
            "automatic_payment_methods", "confirmation_method", "confirmation_token",
            "customer_account", "error_on_requires_action", "excluded_payment_method_types",
            "hooks", "mandate", "mandate_data", "on_behalf_of", "payment_details",
            "payment_method_configuration", "payment_method_data", "payment_method_options",
            "radar_options", "receipt_email", "return_url", "setup_future_usage", "shipping",
            "statement_descriptor", "statement_descriptor_suffix", "transfer_data",
            "transfer_group", "use_stripe_sdk",
        }
    )  # fmt: skip
    amount: Int
    currency: Currency
    capture_method: CaptureMethod = "automatic"
    confirm: Bool = False
    customer: Text
    description: Clearable | None = None
    metadata: Metadata | None = None
    off_session: Bool = False
    payment_method: Text | None = None


class Capture(Params):
    """POST /v1/payment_intents/{intent}/capture."""

    unsupported = frozenset(
        {
            "amount_details", "application_fee_amount", "hooks", "payment_details",
            "statement_descriptor", "statement_descriptor_suffix", "transfer_data",
        }
    )  # fmt: skip
    amount_to_capture: Int | None = None
    final_capture: Bool = True
    metadata: Metadata | None = None


def create(call: Call, params: CreateIntent) -> Json:
    """Creates a payment intent, and confirms it if that is asked for."""
    customer = existing_customer(call, params.customer, param="customer")
    currency = params.currency.lower()
    check_charge(params.amount, currency)
    intent = bare_intent(call, customer["id"], amount=params.amount, currency=currency) | {
        "capture_method": params.capture_method,
        "description": params.description or None,
        "metadata": merged_metadata({}, params.metadata),
    }
    if params.payment_method is not None:
        method = owned_method(call, params.payment_method, intent, param="payment_method")
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    call.create(intent, "payment_intent.created")
    if params.confirm:
        confirm(call, intent, intent["payment_method"], off_session=params.off_session)
    return view(call, intent)


def confirm(call: Call, intent: Json, method_id: str | None, *, off_session: bool) -> None:
    """Charges an intent, or holds its amount. Raises Declined if the bank refuses."""
    if method_id is None:
        raise InvalidRequest(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
            extra={"payment_intent": view(call, intent)},
        )
    method = owned_method(call, method_id, intent, param="payment_method")
    if method["type"] != "card":
        raise BadParameters(
            "This sandbox confirms payment intents without an invoice by cards only.",
            param="payment_method",
        )
    card = BY_NUMBER[method["_number"]]
    challenged = needs_authentication(card, off_session=off_session, set_up=method["_set_up"])
    decline = AUTHENTICATION if challenged else card.decline
    if decline is not None:
        raise _declined(call, intent, method, decline)
    _charge(call, intent, method)


def _declined(call: Call, intent: Json, method: Json, decline: Decline) -> Declined:
    charge = new_charge(call, intent, method, decline=decline, authenticated=False)
    call.create(charge, "charge.failed")
    extra: Json = {"charge": charge["id"], "decline_code": decline.decline_code}
    fault = Declined(decline.message, code=decline.code, extra=extra)
    error = fault.body(request_id="", livemode=call.account.livemode)["error"]
    del error["request_log_url"]
    changes: Json = {
        "last_payment_error": error | {"payment_method": view(call, method)},
        "latest_charge": charge["id"],
        "payment_method": None,
        "status": "requires_payment_method",
    }
    call.change(intent, changes)
    call.emit("payment_intent.payment_failed", intent)
    fault.extra |= {"payment_intent": view(call, intent), "payment_method": view(call, method)}
    return fault


def _charge(call: Call, intent: Json, method: Json) -> None:
    charge = new_charge(call, intent, method, decline=None, authenticated=False)
    changes: Json = {"last_payment_error": None, "latest_charge": charge["id"]}
    changes |= {"payment_method": method["id"]}
    if intent["capture_method"] != "manual":
        call.create(charge, "charge.succeeded")
        call.change(intent, changes)
        _collected(call, intent, charge)
        return
    charge |= {"amount_captured": 0, "captured": False}
    charge["payment_method_details"]["card"]["capture_before"] = call.now + HOLD_S
    call.create(charge, "charge.succeeded")
    held: Json = {"amount_capturable": intent["amount"], "status": "requires_capture"}
    call.change(intent, changes | held)
    call.emit("payment_intent.amount_capturable_updated", intent)
    agenda.plan(call, at=call.now + HOLD_S, kind=LAPSE, object_id=intent["id"])


def _collected(call: Call, intent: Json, charge: Json) -> None:
    taken = charge["amount_captured"]
    ledger.write(call, "charge", charge, amount=taken, invoice=charge["_invoice"])
    done: Json = {"amount_capturable": 0, "amount_received": taken, "status": "succeeded"}
    call.change(intent, done)
    call.emit("payment_intent.succeeded", intent)
    part_payments.credit_intent(call, intent)


def capture(call: Call, params: Capture) -> Json:
    """Captures a held amount, or a part of it; the rest is released."""
    intent = call.load("payment_intent", call.path["intent"])
    if intent["status"] != "requires_capture":
        raise InvalidRequest(
            "This PaymentIntent could not be captured because it has a status of"
            f" {intent['status']}. Only a PaymentIntent with one of the following statuses may be"
            " captured: requires_capture.",
            code="payment_intent_unexpected_state",
            extra={"payment_intent": view(call, intent)},
        )
    held = intent["amount_capturable"]
    amount = held if params.amount_to_capture is None else params.amount_to_capture
    if not params.final_capture:
        raise BadParameters("This card does not support multicapture.", param="final_capture")
    if not 0 < amount <= held:
        raise InvalidRequest(
            f"The amount_to_capture ({amount}) must be between 1 and the capturable amount"
            f" ({held}).",
            code="amount_too_large" if amount > held else "parameter_invalid_integer",
            param="amount_to_capture",
        )
    if params.metadata is not None:
        intent["metadata"] = merged_metadata(intent["metadata"], params.metadata)
    agenda.cancel(call, object_id=intent["id"], kind=LAPSE)
    charge = call.load("charge", intent["latest_charge"])
    call.change(charge, {"amount_captured": amount, "captured": True})
    call.emit("charge.captured", charge)
    _collected(call, intent, charge)
    return view(call, intent)


def cancel_own(call: Call, intent: Json, *, reason: str | None) -> None:
    """Cancels an intent of no invoice, and releases what it holds."""
    held = intent["status"] == "requires_capture"
    agenda.cancel(call, object_id=intent["id"], kind=LAPSE)
    canceled: Json = {"canceled_at": call.now, "cancellation_reason": reason, "status": "canceled"}
    call.change(intent, canceled | {"amount_capturable": 0, "next_action": None})
    if held and reason == "automatic":
        call.emit("charge.expired", call.load("charge", intent["latest_charge"]))
    call.emit("payment_intent.canceled", intent)
    part_payments.drop_intent(call, intent)


def _lapse(call: Call, due: Due) -> None:
    intent = call.find("payment_intent", due.object_id)
    if intent is not None and intent["status"] == "requires_capture":
        cancel_own(call, intent, reason="automatic")


OPERATIONS: list[Operation] = [
    operation("POST", "/v1/payment_intents", "payment_intent", CreateIntent, create),
    operation("POST", "/v1/payment_intents/{intent}/capture", "payment_intent", Capture, capture),
]

ACTIONS: Actions = {LAPSE: _lapse}
