"""Invoices of subscriptions: drafted for a period or a change, and collected at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.common.store import Json
from sandbox.stripe.catalogue import discounts
from sandbox.stripe.collection.advance import collect as charge
from sandbox.stripe.collection.pay import CHALLENGE, attempt, select_method
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import Declined, InvalidRequest
from sandbox.stripe.core.invoice_agenda import GRACE_S
from sandbox.stripe.invoices.amounts import recompute
from sandbox.stripe.invoices.invoice_object import new_invoice
from sandbox.stripe.invoices.lifecycle import finalize_invoice
from sandbox.stripe.invoices.lines import draw_pending, pending_items
from sandbox.stripe.subscriptions.lines import period_line, record_billed


@dataclass(frozen=True)
class Bill:
    """The content of a subscription invoice.

    ``items``: the items whose current period is charged. ``pending``: whether to include the
    customer's pending items, or only those of this subscription.
    """

    reason: str
    items: Sequence[Json] = ()
    began: int | None = None
    trial: bool = False
    proration_date: int | None = None
    pending: bool = True


def draft(
    call: Call, subscription: Json, bill: Bill, *, advances: bool = False, emits: bool = True
) -> Json:
    """Drafts an invoice and sets it as ``latest_invoice``; the caller stores the subscription.

    ``advances``: whether it is finalised and charged automatically an hour later. ``emits``:
    whether its event is emitted here or by the caller.
    """
    customer = call.load("customer", subscription["customer"])
    invoice = new_invoice(call, customer, subscription["currency"])
    invoice |= _from_subscription(call, subscription, bill)
    if advances:
        at = call.now + GRACE_S
        charged = subscription["collection_method"] == "charge_automatically"
        invoice |= {"auto_advance": True, "automatically_finalizes_at": at}
        invoice["next_payment_attempt"] = at if charged else None
    call.put(invoice)
    lines = [period_line(call, invoice, item, trial=bill.trial) for item in bill.items]
    draw_pending(call, invoice, waiting(call, subscription, others=bill.pending))
    call.change(invoice, recompute(call, invoice))
    for item, line in zip(bill.items, lines, strict=True):
        record_billed(call, item, call.load("line_item", line["id"]))
    if emits:
        call.emit("invoice.created", invoice)
    subscription["latest_invoice"] = invoice["id"]
    subscription["discounts"] = discounts.outlasting_invoice(call, invoice["discounts"])
    return invoice


def _from_subscription(call: Call, subscription: Json, bill: Bill) -> Json:
    settings = subscription["invoice_settings"]
    types = subscription["payment_settings"]["payment_method_types"]
    details: Json = {"metadata": subscription["metadata"], "subscription": subscription["id"]}
    if bill.proration_date is not None:
        details["subscription_proration_date"] = bill.proration_date
    return {
        "billing_reason": bill.reason,
        "collection_method": subscription["collection_method"],
        "custom_fields": settings["custom_fields"],
        "default_tax_rates": subscription["default_tax_rates"],
        "description": settings["description"],
        "discounts": discounts.active(call, subscription["discounts"]),
        "footer": settings["footer"],
        "parent": {
            "quote_details": None,
            "subscription_details": details,
            "type": "subscription_details",
        },
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": types,
        },
        "period_end": call.now,
        "period_start": call.now if bill.began is None else bill.began,
        "_days_until_due": subscription["days_until_due"],
    }


def waiting(call: Call, subscription: Json, *, others: bool = True) -> list[Json]:
    """Returns the pending items that the subscription's next invoice includes."""
    found = []
    for item in pending_items(call, subscription["customer"]):
        owner = item["parent"]["subscription_details"]["subscription"] if item["parent"] else None
        if item["currency"] == subscription["currency"] and (
            owner == subscription["id"] or (others and owner is None)
        ):
            found.append(item)
    return found


def collect(call: Call, invoice: Json, *, behavior: str, off_session: bool) -> None:
    """Finalises a draft and charges it now, according to ``payment_behavior``.

    Raises Declined, and rolls back, for ``error_if_incomplete`` only.
    """
    finalize_invoice(call, invoice, auto_advance=invoice["billing_reason"] != "subscription_create")
    if invoice["status"] != "open" or behavior == "default_incomplete":
        return
    if invoice["collection_method"] == "send_invoice":
        call.emit("invoice.sent", invoice)
        return
    method = select_method(call, invoice, None)
    try:
        if method is None:
            charge(call, invoice)
        else:
            attempt(call, invoice, method, off_session=off_session)
    except Declined as rejection:
        if behavior == "error_if_incomplete":
            raise _undone(rejection) from rejection


def _undone(rejection: Declined) -> Declined:
    code = rejection.code
    if code == CHALLENGE:
        code = "subscription_payment_intent_requires_action"
    fault = Declined(rejection.message, code=code, extra=rejection.extra)
    fault.keeps_changes = False
    return fault


def payable(call: Call, subscription: Json) -> bool:
    """Returns whether the subscription's invoices have a payment method."""
    customer = call.load("customer", subscription["customer"])
    probe = new_invoice(call, customer, subscription["currency"])
    probe["parent"] = {"subscription_details": {"subscription": subscription["id"]}}
    return select_method(call, probe, None) is not None


def require_payable(call: Call, subscription: Json) -> None:
    """Raises InvalidRequest for a subscription without a payment method."""
    if not payable(call, subscription):
        raise InvalidRequest(
            "This customer has no attached payment source or default payment method. Please"
            " consider adding a default payment method. For more information, visit"
            " https://stripe.com/docs/billing/subscriptions/payment-methods-setting",
            code="resource_missing",
        )
