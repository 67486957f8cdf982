"""Public form of stored objects: Stripe's fields, and fields computed on reading."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core import deliveries
from sandbox.stripe.core.account_objects import AccountObjects

LINES_IN_INVOICE = 10
ITEMS_IN_SUBSCRIPTION = 10


def view(call: AccountObjects, body: Json) -> Json:
    """Returns the object in Stripe's format, nothing expanded."""
    shown = dict(body)
    for key in body:
        if key[0] == "_":
            del shown[key]
    if body["object"] == "event":
        shown["pending_webhooks"] = deliveries.pending(call.store, call.account.id, body["id"])
    if body["object"] == "subscription_item" and shown["quantity"] is None:
        del shown["quantity"]
    if body["object"] == "subscription":
        shown["items"] = items_of(call, body)
    if body["object"] == "invoice" and not (body.get("deleted") or "lines" in body):
        shown["lines"] = first_lines(call, body)
        token = body["_token"]
        if token is not None:
            page = f"{call.public_url}/stripe/i/{token}"
            shown |= {"hosted_invoice_url": page, "invoice_pdf": f"{page}/pdf"}
    if body["object"] == "credit_note":
        page = f"{call.public_url}/stripe/i/{body['_token']}"
        shown["pdf"] = f"{page}/credit_notes/{body['id']}/pdf"
        shown["lines"] = _lines_of_note(call, body)
    return shown


def _lines_of_note(call: AccountObjects, note: Json) -> Json:
    found = call.store.find(
        call.account.id, "credit_note_line_item", owner=note["id"], limit=LINES_IN_INVOICE + 1
    )
    return {
        "object": "list",
        "data": [view(call, line) for line in found[:LINES_IN_INVOICE]],
        "has_more": len(found) > LINES_IN_INVOICE,
        "url": f"/v1/credit_notes/{note['id']}/lines",
    }


def first_lines(call: AccountObjects, invoice: Json) -> Json:
    """Returns the first page of an invoice's lines, as embedded in the invoice."""
    found = call.store.find(
        call.account.id, "line_item", owner=invoice["id"], limit=LINES_IN_INVOICE
    )
    total = len(found)
    if total == LINES_IN_INVOICE:
        total = call.store.count(call.account.id, "line_item", owner=invoice["id"])
    return {
        "object": "list",
        "data": [view(call, line) for line in found],
        "has_more": total > len(found),
        "total_count": total,
        "url": f"/v1/invoices/{invoice['id']}/lines",
    }


def items_of(call: AccountObjects, subscription: Json) -> Json:
    """Returns the first page of a subscription's items, as embedded in the subscription."""
    url = f"/v1/subscription_items?subscription={subscription['id']}"
    found = call.all("subscription_item", owner=subscription["id"])
    data = [view(call, item) for item in found[:ITEMS_IN_SUBSCRIPTION]]
    more = len(found) > len(data)
    return {"object": "list", "data": data, "has_more": more, "url": url}
