"""Payments outside an invoice's payment intent: out-of-band payments and overpayments."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.collection.overpayments import record_overpayment
from sandbox.stripe.core import ledger
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.invoices.lifecycle import (
    cancel_intent,
    finalize_invoice,
    mark_paid,
    refuse_while_processing,
)
from sandbox.stripe.payments.charges import new_charge
from sandbox.stripe.payments.invoice_payments import new_payment, of_invoice
from sandbox.stripe.payments.payment_intents import new_intent
from sandbox.stripe.payments.payment_records import new_record


def pay_out_of_band(call: Call, invoice: Json) -> Json:
    """Marks an invoice as paid outside Stripe. No money is moved."""
    if invoice["status"] == "draft":
        finalize_invoice(call, invoice)
    if invoice["status"] == "paid":
        return invoice
    refuse_while_processing(call, invoice)
    cancel_intent(call, invoice, reason="automatic")
    record = call.put(new_record(call, invoice))
    payment = new_payment(call, invoice, record)
    payment["payment"] = {"payment_record": record["id"], "type": "payment_record"}
    _paid(call, payment, amount=invoice["amount_remaining"])
    invoice["_amount_paid_off_stripe"] = invoice["amount_remaining"]
    mark_paid(call, invoice, out_of_band=True)
    return invoice


def _paid(call: Call, payment: Json, *, amount: int) -> None:
    moments = payment["status_transitions"] | {"paid_at": call.now}
    payment |= {"amount_paid": amount, "amount_requested": amount, "status": "paid"}
    payment |= {"is_default": False, "status_transitions": moments}
    call.create(payment, "invoice_payment.paid")


def overpay(call: Call, invoice: Json, *, amount: int | None = None) -> Json:
    """Pays a paid invoice once more, as two open windows of its hosted page can do.

    The overpaid amount is credited to the customer's balance.
    """
    if invoice["status"] != "paid":
        raise InvalidRequest("Only a paid invoice can be overpaid.")
    amount = amount or invoice["amount_due"]
    method = _method_of(call, invoice)
    intent = new_intent(call, invoice) | {"amount": amount, "_method": method["id"]}
    call.create(intent, "payment_intent.created")
    charge = new_charge(call, intent, method, decline=None, authenticated=False)
    call.create(charge, "charge.succeeded")
    ledger.write(call, "charge", charge, amount=amount, invoice=invoice["id"])
    done = {"status": "succeeded", "amount_received": amount, "latest_charge": charge["id"]}
    call.change(intent, done | {"payment_method": method["id"]})
    call.emit("payment_intent.succeeded", intent)
    _paid(call, new_payment(call, invoice, intent), amount=amount)
    record_overpayment(call, invoice, amount)
    return invoice


def _method_of(call: Call, invoice: Json) -> Json:
    payment = of_invoice(call, invoice)
    intent = call.find("payment_intent", invoice["_payment_intent"])
    if payment is None or intent is None or intent["payment_method"] is None:
        raise InvalidRequest("Only an invoice that was paid by a card can be overpaid.")
    return call.load("payment_method", intent["payment_method"])
