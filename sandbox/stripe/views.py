"""What is shown of a stored object: Stripe's fields, and what is computed on reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.store import Json

if TYPE_CHECKING:
    from sandbox.stripe.call import Call

LINES_IN_INVOICE = 10


def view(call: Call, body: Json) -> Json:
    """Returns the object as Stripe answers it, nothing expanded."""
    shown = {key: value for key, value in body.items() if not key.startswith("_")}
    if body["object"] == "invoice" and not body.get("deleted"):
        shown["lines"] = first_lines(call, body)
        token = body["_token"]
        if token is not None:
            page = f"{call.public_url}/stripe/i/{token}"
            shown |= {"hosted_invoice_url": page, "invoice_pdf": f"{page}/pdf"}
    return shown


def first_lines(call: Call, invoice: Json) -> Json:
    """Returns the first page of an invoice's lines, as the invoice object carries it."""
    found = call.store.find(
        call.account.id, "line_item", owner=invoice["id"], limit=LINES_IN_INVOICE
    )
    total = call.store.count(call.account.id, "line_item", owner=invoice["id"])
    return {
        "object": "list",
        "data": [view(call, line) for line in found],
        "has_more": total > len(found),
        "total_count": total,
        "url": f"/v1/invoices/{invoice['id']}/lines",
    }
