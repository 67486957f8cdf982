"""Lines of an invoice: create from invoice items, add to a draft, update and list."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.common.store import Filter, Json
from sandbox.stripe.catalogue.pricing import Cost, LineFields, LinePriceData, LineRequest, cost
from sandbox.stripe.catalogue.tax_rates import chosen
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import Metadata, Page, Params, Text
from sandbox.stripe.core.updates import merged_metadata
from sandbox.stripe.core.views import view
from sandbox.stripe.invoices.amounts import recompute
from sandbox.stripe.invoices.line_parents import of_invoice_item

MAX_LINES = 250


class Line(LineFields):
    """A line to add: a price id, inline price data, an amount, or a pending item."""

    price_data: LinePriceData | None = None
    invoice_item: Text | None = None


class AddLines(Params):
    """POST /v1/invoices/{invoice}/add_lines."""

    unsupported = frozenset(
        {
            "lines[][discounts]",
            "lines[][price_data][product_data][tax_details]",
            "lines[][tax_amounts]",
        }
    )
    lines: list[Line]
    invoice_metadata: Metadata | None = None


def add_lines(call: Call, params: AddLines) -> Json:
    """Adds lines to a draft, atomically."""
    invoice = call.load("invoice", call.path["invoice"])
    if invoice["status"] != "draft":
        raise InvalidRequest(
            "The invoice is no longer editable: only drafts take lines.",
            code="invoice_not_editable",
        )
    present = call.store.count(call.account.id, "line_item", owner=invoice["id"])
    if present + len(params.lines) > MAX_LINES:
        raise InvalidRequest(f"An invoice can have at most {MAX_LINES} lines.", param="lines")
    for index, line in enumerate(params.lines):
        item = _pending_or_new(call, invoice, line, where=f"lines[{index}]")
        draw_pending(call, invoice, [item])
    changes = recompute(call, invoice)
    if params.invoice_metadata is not None:
        changes["metadata"] = merged_metadata(invoice["metadata"], params.invoice_metadata)
    return view(call, call.change(invoice, changes, "invoice.updated"))


def _pending_or_new(call: Call, invoice: Json, line: Line, *, where: str) -> Json:
    if line.invoice_item is not None:
        item = call.load("invoiceitem", line.invoice_item, param=f"{where}[invoice_item]")
        if item["invoice"] is not None or item["customer"] != invoice["customer"]:
            raise InvalidRequest(
                f"The invoice item {item['id']} is not a pending item of this invoice's customer.",
                param=f"{where}[invoice_item]",
            )
        return item
    request = LineRequest(line, line.price_data, None, invoice["currency"], where)
    item = new_item(call, cost(call, request), line, customer=invoice["customer"], where=where)
    return call.create(item, "invoiceitem.created")


def new_item(call: Call, price: Cost, line: LineFields, *, customer: str, where: str = "") -> Json:
    """Returns a pending invoice item, not yet stored."""
    period = line.period.model_dump() if line.period else {"start": call.now, "end": call.now}
    param = f"{where}[tax_rates]" if where else "tax_rates"
    return {
        "id": ids.fresh("ii_"),
        "object": "invoiceitem",
        **price.fields(),
        "customer": customer,
        "customer_account": None,
        "date": call.now,
        "description": price.description,
        "discountable": True if line.discountable is None else line.discountable,
        "discounts": [],
        "invoice": None,
        "livemode": call.account.livemode,
        "metadata": merged_metadata({}, line.metadata),
        "parent": None,
        "period": period,
        "proration": False,
        "tax_rates": chosen(call, line.tax_rates or [], param=param),
        "test_clock": None,
    }


def pending_items(call: Call, customer: str) -> list[Json]:
    """Returns a customer's pending items, oldest first."""
    waiting = call.all("invoiceitem", owner=customer)
    return [item for item in waiting if item["invoice"] is None]


def draw_pending(call: Call, invoice: Json, items: Sequence[Json]) -> None:
    """Adds items to an invoice, one line each."""
    for item in items:
        item["invoice"] = invoice["id"]
        call.put(item)
        call.put(_line(call, invoice, item))


def _line(call: Call, invoice: Json, item: Json) -> Json:
    return {
        "id": ids.fresh("il_"),
        "object": "line_item",
        "discount_amounts": [],
        "discounts": [],
        "invoice": invoice["id"],
        "livemode": call.account.livemode,
        "parent": of_invoice_item(item),
        "pretax_credit_amounts": [],
        "taxes": [],
        **of_item(item),
        "_item": item["id"],
    }


def of_item(item: Json) -> Json:
    """Returns the fields that a line copies from its item."""
    shared = ("amount", "currency", "description", "discountable", "metadata", "period", "pricing")
    return {
        **{name: item[name] for name in (*shared, "quantity", "quantity_decimal")},
        "subtotal": item["amount"],
        "_tax_rates": item["tax_rates"],
    }


def line_of_item(call: Call, item: Json) -> Json | None:
    """Returns the line of an item, or None if the item is pending."""
    wanted = Filter("$._item", "=", item["id"])
    for line in call.all("line_item", owner=item["invoice"] or "", filters=[wanted]):
        return line
    return None


def list_lines(call: Call, params: Page) -> Json:
    """Returns a page of an invoice's lines, in the order in which they were added."""
    invoice = call.load("invoice", call.path["invoice"])
    url = f"/v1/invoices/{invoice['id']}/lines"
    return page(call, "line_item", params, url=url, owner=invoice["id"], newest_first=False)


OPERATIONS: list[Operation] = [
    operation("POST", "/v1/invoices/{invoice}/add_lines", "invoice", AddLines, add_lines),
    operation("GET", "/v1/invoices/{invoice}/lines", "list:line_item", Page, list_lines),
]
