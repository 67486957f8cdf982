"""Results of payment attempts: object changes and events, for all payment methods."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core import ledger
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import StripeError
from sandbox.stripe.core.invoice_agenda import retry_at
from sandbox.stripe.core.views import view
from sandbox.stripe.invoices.lifecycle import mark_paid
from sandbox.stripe.payments.invoice_payments import of_invoice
from sandbox.stripe.subscription_state import status as subscription_status


def record_success(call: Call, invoice: Json, intent: Json, charge: Json) -> None:
    """Records a successful charge, and marks intent and invoice as paid."""
    call.create(charge, "charge.succeeded")
    ledger.write(call, "charge", charge, amount=charge["amount"], invoice=invoice["id"])
    call.change(
        intent,
        {
            "amount_received": intent["amount"],
            "last_payment_error": None,
            "latest_charge": charge["id"],
            "next_action": None,
            "payment_method": charge["payment_method"],
            "status": "succeeded",
        },
    )
    call.emit("payment_intent.succeeded", intent)
    payment = of_invoice(call, invoice)
    if payment is not None:
        paid: Json = {"amount_paid": intent["amount"], "status": "paid"}
        paid["status_transitions"] = payment["status_transitions"] | {"paid_at": call.now}
        call.change(payment, paid)
        call.emit("invoice_payment.paid", payment)
    mark_paid(call, invoice)


def require_payment_method(
    call: Call, intent: Json, method: Json, fault: StripeError, **changes: object
) -> None:
    """Returns an intent to ``requires_payment_method`` with its last error."""
    error = fault.body(request_id="", livemode=call.account.livemode)["error"]
    del error["request_log_url"]
    call.change(
        intent,
        {
            "last_payment_error": error | {"payment_method": view(call, method)},
            "next_action": None,
            "payment_method": None,
            "status": "requires_payment_method",
            **changes,
        },
    )
    call.emit("payment_intent.payment_failed", intent)


def count_failed_attempt(call: Call, invoice: Json) -> None:
    """Counts a failed attempt, and schedules the next if the invoice advances."""
    attempts = invoice["attempt_count"] + 1
    again = retry_at(call, invoice, attempts=attempts)
    changes: Json = {"attempt_count": attempts, "attempted": True, "next_payment_attempt": again}
    call.change(invoice, changes, "invoice.updated")
    subscription_status.invoice_failed(call, invoice)
