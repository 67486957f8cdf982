"""Entries of a customer's balance: one transaction per change."""

from __future__ import annotations

from typing import Literal

from sandbox.common.store import Json
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call

Cause = Literal[
    "adjustment",
    "applied_to_invoice",
    "credit_note",
    "invoice_overpaid",
    "invoice_too_small",
    "unapplied_from_invoice",
]


def record(
    call: Call,
    customer: Json,
    amount: int,
    *,
    cause: Cause,
    currency: str,
    ending: int,
    invoice: str | None = None,
    credit_note: str | None = None,
) -> Json:
    """Records a balance transaction of ``amount`` (negative is credit); the caller applies it."""
    return call.put(
        {
            "id": ids.fresh("cbtxn_"),
            "object": "customer_balance_transaction",
            "amount": amount,
            "checkout_session": None,
            "created": call.now,
            "credit_note": credit_note,
            "currency": currency,
            "customer": customer["id"],
            "customer_account": None,
            "description": None,
            "ending_balance": ending,
            "invoice": invoice,
            "livemode": call.account.livemode,
            "metadata": {},
            "type": cause,
        }
    )


def move(
    call: Call,
    customer: Json,
    amount: int,
    *,
    cause: Cause,
    currency: str,
    invoice: str | None = None,
    credit_note: str | None = None,
) -> Json:
    """Changes the balance and records the transaction. Positive amounts are owed."""
    ending = customer["balance"] + amount
    entry = record(
        call,
        customer,
        amount,
        cause=cause,
        currency=currency,
        ending=ending,
        invoice=invoice,
        credit_note=credit_note,
    )
    changes: Json = {"balance": ending, "currency": customer["currency"] or currency}
    call.change(customer, changes, "customer.updated")
    return entry


def record_finalization(call: Call, invoice: Json, customer: Json) -> None:
    """Records the balance change of a finalised invoice."""
    amount = invoice["ending_balance"] - invoice["starting_balance"]
    if not amount:
        return
    carried = invoice["ending_balance"] > 0 and not invoice["amount_due"]
    record(
        call,
        customer,
        amount,
        cause="invoice_too_small" if carried else "applied_to_invoice",
        currency=invoice["currency"],
        ending=invoice["ending_balance"],
        invoice=invoice["id"],
    )


def revert_finalization(call: Call, invoice: Json) -> None:
    """Reverts the balance change of an invoice that is voided."""
    customer = call.load("customer", invoice["customer"])
    amount = invoice["starting_balance"] - (invoice["ending_balance"] or 0)
    if amount and not customer.get("deleted"):
        move(
            call,
            customer,
            amount,
            cause="unapplied_from_invoice",
            currency=invoice["currency"],
            invoice=invoice["id"],
        )
