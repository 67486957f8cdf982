"""Revisions of invoices: a draft copied from a finalised invoice, which replaces it."""

from __future__ import annotations

from typing import Literal

from sandbox.common.store import Json
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.core.params import NestedParams, Text
from sandbox.stripe.customers.customers import existing_customer
from sandbox.stripe.invoices.invoice_object import new_invoice
from sandbox.stripe.invoices.line_parents import of_invoice_item

COPIED = (
    "billing_reason", "collection_method", "custom_fields", "default_payment_method",
    "default_tax_rates", "description", "discounts", "due_date", "footer", "metadata", "parent",
    "payment_settings", "period_end", "period_start", "_days_until_due",
)  # fmt: skip


class FromInvoice(NestedParams):
    """The invoice to revise."""

    action: Literal["revision"]
    invoice: Text


def copied_draft(call: Call, given: FromInvoice) -> Json:
    """Returns a stored draft with an invoice's fields, metadata and lines, linked to it."""
    original = call.load("invoice", given.invoice, param="from_invoice[invoice]")
    if original["status"] not in {"open", "uncollectible"} or original["amount_paid"]:
        raise InvalidRequest(
            "You can only revise an open invoice on which nothing was paid; this one is"
            f" {original['status']}.",
            param="from_invoice[invoice]",
        )
    customer = existing_customer(call, original["customer"])
    draft = new_invoice(call, customer, original["currency"])
    draft |= {name: original[name] for name in COPIED}
    draft["from_invoice"] = {"action": "revision", "invoice": original["id"]}
    call.put(draft)
    for line in call.all("line_item", owner=original["id"]):
        _copy_line(call, draft, line)
    call.change(original, {"latest_revision": draft["id"]}, "invoice.updated")
    return draft


def _copy_line(call: Call, draft: Json, line: Json) -> None:
    copy = line | {"id": ids.fresh("il_"), "invoice": draft["id"]}
    item = call.find("invoiceitem", line["_item"])
    if item is not None:
        item = call.put(item | {"id": ids.fresh("ii_"), "invoice": draft["id"]})
        copy |= {"_item": item["id"], "parent": of_invoice_item(item)}
    call.put(copy)
