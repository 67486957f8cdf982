"""Payments attached to an invoice: several may pay it together, each a part.

An attached intent credits the invoice when it has succeeded. The invoice stays open until nothing
remains; its own payment intent then is canceled, and what came beyond it is the customer's credit.
"""

from __future__ import annotations

from sandbox.common.store import Json, equal
from sandbox.stripe.collection.overpayments import record_overpayment
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import Params, Text
from sandbox.stripe.core.views import view
from sandbox.stripe.invoices.lifecycle import (
    cancel_intent,
    mark_paid,
    refuse_while_processing,
    resize_intent,
)
from sandbox.stripe.payments.invoice_payments import new_payment


class AttachPayment(Params):
    """POST /v1/invoices/{invoice}/attach_payment."""

    unsupported = frozenset({"payment_record"})
    payment_intent: Text


def attach(call: Call, params: AttachPayment) -> Json:
    """Attaches a payment intent to an open invoice."""
    invoice = call.load("invoice", call.path["invoice"])
    intent = call.load("payment_intent", params.payment_intent, param="payment_intent")
    return view(call, attach_intent(call, invoice, intent))


def attach_intent(call: Call, invoice: Json, intent: Json) -> Json:
    """Adds an intent to an invoice's payments; one that succeeded is credited at once."""
    if invoice["status"] not in {"open", "uncollectible"}:
        raise InvalidRequest(
            f"You can only attach payments to open invoices; this one is {invoice['status']}."
        )
    refuse_while_processing(call, invoice)
    same = intent["customer"] == invoice["customer"] and intent["currency"] == invoice["currency"]
    if intent["_invoice"] or intent["status"] == "canceled" or not same:
        raise InvalidRequest(
            f"The PaymentIntent {intent['id']} cannot be attached to this invoice: it must be a"
            " usable one of the same customer and currency, and attached to no other.",
            param="payment_intent",
        )
    call.change(intent, {"_invoice": invoice["id"]})
    charge = call.find("charge", intent["latest_charge"])
    if charge is not None:
        call.change(charge, {"_invoice": invoice["id"]})
        call.store.execute(
            "UPDATE ledger SET invoice=? WHERE account=? AND charge=?",
            invoice["id"],
            call.account.id,
            charge["id"],
        )
    payment = new_payment(call, invoice, intent)
    call.put(payment | {"amount_requested": intent["amount"], "is_default": False})
    if intent["status"] == "succeeded":
        credit_intent(call, intent)
    return call.load("invoice", invoice["id"])


def _payment_of(call: Call, intent: Json) -> Json | None:
    wanted = equal(payment__payment_intent=intent["id"])
    for payment in call.all("invoice_payment", owner=intent["_invoice"] or "", filters=wanted):
        return payment
    return None


def credit_intent(call: Call, intent: Json) -> None:
    """Credits a succeeded intent to the invoice that it is attached to, if any."""
    payment = _payment_of(call, intent)
    if payment is None:
        return
    received = intent["amount_received"]
    moments = payment["status_transitions"] | {"paid_at": call.now}
    call.change(payment, {"amount_paid": received, "status": "paid", "status_transitions": moments})
    call.emit("invoice_payment.paid", payment)
    invoice = call.load("invoice", intent["_invoice"])
    used = min(received, invoice["amount_remaining"]) if invoice["status"] != "void" else 0
    invoice |= {
        "amount_paid": invoice["amount_paid"] + used,
        "amount_remaining": invoice["amount_remaining"] - used,
    }
    if invoice["status"] != "paid" and used and not invoice["amount_remaining"]:
        cancel_intent(call, invoice, reason="automatic")
        mark_paid(call, invoice)
    elif used:
        call.put(invoice)
        call.emit("invoice.updated", invoice)
        resize_intent(call, invoice)
    if received > used:
        record_overpayment(call, invoice, received - used)


def drop_intent(call: Call, intent: Json) -> None:
    """Cancels the invoice payment of a canceled intent."""
    payment = _payment_of(call, intent)
    if payment is not None and payment["status"] == "open":
        moments = payment["status_transitions"] | {"canceled_at": call.now}
        call.change(payment, {"status": "canceled", "status_transitions": moments})


OPERATIONS: list[Operation] = [
    operation("POST", "/v1/invoices/{invoice}/attach_payment", "invoice", AttachPayment, attach),
]
