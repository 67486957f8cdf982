"""Effects of a credit note: the invoice's open amount, refunds and customer credit."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.common.store import Json
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.core.params import Int, NestedParams, Text
from sandbox.stripe.customers import balance_book
from sandbox.stripe.invoices.lifecycle import cancel_intent, mark_paid, resize_intent
from sandbox.stripe.refunds import refunds


class LinkedRefund(NestedParams):
    """An earlier refund linked to a credit note, wholly or in part."""

    amount_refunded: Int | None = None
    refund: Text
    type: Text = "refund"


def linked_refunds(call: Call, invoice: Json, requested: Sequence[LinkedRefund]) -> list[Json]:
    """Returns the earlier refunds of this invoice linked to a credit note."""
    return [_link(call, invoice, item, f"refunds[{index}]") for index, item in enumerate(requested)]


def _link(call: Call, invoice: Json, requested: LinkedRefund, where: str) -> Json:
    refund = call.load("refund", requested.refund, param=f"{where}[refund]")
    charge = call.load("charge", refund["charge"])
    if charge["_invoice"] != invoice["id"]:
        raise InvalidRequest(
            f"The refund {refund['id']} is not of a payment of the invoice {invoice['id']}.",
            param=f"{where}[refund]",
        )
    left = refund["amount"] - _accounted(call, invoice, refund)
    amount = left if requested.amount_refunded is None else requested.amount_refunded
    if refund["status"] in {"failed", "canceled"} or not 0 < amount <= left:
        raise InvalidRequest(
            f"The refund {refund['id']} has {left} left to link, and a status of"
            f" {refund['status']}.",
            param=f"{where}[amount_refunded]",
        )
    return {"amount_refunded": amount, "refund": refund["id"], "type": "refund"}


def _accounted(call: Call, invoice: Json, refund: Json) -> int:
    return sum(
        int(item["amount_refunded"])
        for note in call.all("credit_note", owner=invoice["id"])
        if note["status"] == "issued"
        for item in note["refunds"]
        if item["refund"] == refund["id"]
    )


def refund_part(call: Call, invoice: Json, amount: int) -> Json:
    """Refunds a part of an invoice's payment; returns the credit note's refund entry."""
    charges = _charges(call, invoice)
    if not charges:
        raise InvalidRequest(
            "This invoice has no payment that could be refunded.", param="refund_amount"
        )
    enough = [
        item for item in charges if item["amount_captured"] - item["amount_refunded"] >= amount
    ]
    charge = (enough or charges)[0]
    refund = refunds.issue_refund(call, charge, refunds.new_refund(call, charge, amount=amount))
    return {"amount_refunded": amount, "refund": refund["id"], "type": "refund"}


def _charges(call: Call, invoice: Json) -> list[Json]:
    found = []
    for payment in call.all("invoice_payment", owner=invoice["id"]):
        intent = call.find("payment_intent", payment["payment"].get("payment_intent"))
        charge = call.find("charge", intent["latest_charge"]) if intent else None
        if payment["status"] == "paid" and charge is not None:
            found.append(charge)
    return found


def credit_customer(call: Call, note: Json, amount: int) -> Json:
    """Credits a part of a credit note to the customer's balance."""
    customer = call.load("customer", note["customer"])
    if customer.get("deleted"):
        raise InvalidRequest("The customer of this invoice was deleted.", param="credit_amount")
    return balance_book.move(
        call,
        customer,
        -amount,
        cause="credit_note",
        currency=note["currency"],
        invoice=note["invoice"],
        credit_note=note["id"],
    )


def reduce_invoice(call: Call, invoice: Json, note: Json) -> None:
    """Reduces the invoice's open amount; marks the invoice as paid if nothing remains."""
    before, after = note["pre_payment_amount"], note["post_payment_amount"]
    changes = _amounts(invoice, -before)
    changes["post_payment_credit_notes_amount"] = (
        invoice["post_payment_credit_notes_amount"] + after
    )
    if before and not changes["amount_remaining"]:
        call.change(invoice, changes)
        cancel_intent(call, invoice, reason="automatic")
        mark_paid(call, invoice)
        return
    call.change(invoice, changes, "invoice.updated")
    if before:
        resize_intent(call, invoice)


def restore_invoice(call: Call, invoice: Json, note: Json) -> None:
    """Restores the open amount of an invoice whose credit note is voided."""
    call.change(invoice, _amounts(invoice, note["pre_payment_amount"]), "invoice.updated")
    resize_intent(call, invoice)


def _amounts(invoice: Json, change: int) -> Json:
    credited = invoice["pre_payment_credit_notes_amount"] - change
    return {
        "amount_due": invoice["amount_due"] + change,
        "amount_remaining": invoice["amount_remaining"] + change,
        "pre_payment_credit_notes_amount": credited,
    }
