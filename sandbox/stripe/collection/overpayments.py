"""Amounts that an invoice received beyond what was due."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core.call import Call
from sandbox.stripe.customers import balance_book


def record_overpayment(call: Call, invoice: Json, amount: int) -> None:
    """Credits an amount beyond an invoice to its customer, and adds it to what was paid."""
    customer = call.load("customer", invoice["customer"])
    if not customer.get("deleted"):
        balance_book.move(
            call,
            customer,
            -amount,
            cause="invoice_overpaid",
            currency=invoice["currency"],
            invoice=invoice["id"],
        )
    more: Json = {"amount_paid": invoice["amount_paid"] + amount}
    more["amount_overpaid"] = invoice["amount_overpaid"] + amount
    call.change(invoice, more, "invoice.updated")
    call.emit("invoice.overpaid", invoice)
