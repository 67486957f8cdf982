"""Invoice items, pending or on a draft."""

from __future__ import annotations

from decimal import Decimal

from sandbox.common.store import Filter, Json
from sandbox.stripe.catalogue.pricing import Cost, ItemPriceData, LineFields, LineRequest, cost
from sandbox.stripe.catalogue.tax_rates import chosen
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, InvalidRequest
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import (
    Bool,
    CreatedPage,
    Currency,
    Dec,
    NoParams,
    Params,
    TaxBehavior,
    Text,
)
from sandbox.stripe.core.updates import given_fields
from sandbox.stripe.core.views import view
from sandbox.stripe.customers.customers import existing_customer
from sandbox.stripe.invoices.amounts import recompute
from sandbox.stripe.invoices.lines import draw_pending, line_of_item, new_item, of_item


class ItemFields(LineFields, Params):
    """Common fields of create and update."""

    unsupported = frozenset({"discounts", "tax_code"})
    price_data: ItemPriceData | None = None
    tax_behavior: TaxBehavior | None = None
    unit_amount_decimal: Dec | None = None


class CreateItem(ItemFields):
    """POST /v1/invoiceitems."""

    unsupported = ItemFields.unsupported | {"customer_account", "subscription"}
    customer: Text
    currency: Currency | None = None
    invoice: Text | None = None


class UpdateItem(ItemFields):
    """POST /v1/invoiceitems/{invoiceitem}."""


class ListItems(CreatedPage):
    """GET /v1/invoiceitems."""

    unsupported = frozenset({"customer_account"})
    customer: Text | None = None
    invoice: Text | None = None
    pending: Bool | None = None


def create(call: Call, params: CreateItem) -> Json:
    """Creates an item, pending for the customer's next invoice or on a draft."""
    customer = existing_customer(call, params.customer, param="customer")
    invoice = _draft(call, params) if params.invoice else None
    currency = invoice["currency"] if invoice else params.currency
    if invoice and params.currency and params.currency.lower() != currency:
        raise InvalidRequest(
            f"The currency of the item ({params.currency.lower()}) must be the invoice's"
            f" ({currency}): the items of one invoice share one currency.",
            param="currency",
        )
    if currency is None and (params.amount is not None or params.unit_amount_decimal is not None):
        currency = customer["currency"]
    request = LineRequest(params, params.price_data, params.unit_amount_decimal, currency)
    item = new_item(call, cost(call, request), params, customer=customer["id"])
    if invoice is None:
        return view(call, call.create(item, "invoiceitem.created"))
    item["invoice"] = invoice["id"]
    call.create(item, "invoiceitem.created")
    draw_pending(call, invoice, [item])
    call.change(invoice, recompute(call, invoice), "invoice.updated")
    return view(call, item)


def _draft(call: Call, params: CreateItem) -> Json:
    invoice = call.load("invoice", str(params.invoice), param="invoice")
    if invoice["customer"] != params.customer:
        raise InvalidRequest(
            f"The invoice {invoice['id']} does not belong to the customer {params.customer}.",
            param="invoice",
        )
    return _editable(invoice)


def _editable(invoice: Json) -> Json:
    if invoice["status"] != "draft":
        raise InvalidRequest(
            "The invoice is no longer editable: only drafts take items.",
            code="invoice_not_editable",
        )
    return invoice


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns an item."""
    return view(call, call.load("invoiceitem", call.path["invoiceitem"]))


def update(call: Call, params: UpdateItem) -> Json:
    """Updates a pending item, or an item on a draft together with its line."""
    item = call.load("invoiceitem", call.path["invoiceitem"])
    invoice = _editable(call.load("invoice", item["invoice"])) if item["invoice"] else None
    costs = {
        "amount", "price_data", "pricing", "quantity", "quantity_decimal", "tax_behavior",
        "unit_amount_decimal",
    }  # fmt: skip
    changes = given_fields(params, item, clear=("description",), omit=costs)
    if costs & params.model_fields_set:
        changes = _recosted(call, params, item).fields() | changes
    if "tax_rates" in changes:
        changes["tax_rates"] = chosen(call, changes["tax_rates"] or [], param="tax_rates")
    call.change(item, changes)
    line = line_of_item(call, item)
    if line is not None and invoice is not None:
        call.change(line, of_item(item))
        call.change(invoice, recompute(call, invoice), "invoice.updated")
    return view(call, item)


def _recosted(call: Call, params: UpdateItem, item: Json) -> Cost:
    named = (params.amount, params.pricing, params.price_data, params.unit_amount_decimal)
    if all(item is None for item in named):
        unit = Decimal(item["pricing"]["unit_amount_decimal"])
        return cost(call, LineRequest(params, None, unit, item["currency"]))
    if params.quantity is None and params.amount is None:
        params = params.model_copy(update={"quantity": item["quantity"]})
    unit_amount = params.unit_amount_decimal
    return cost(call, LineRequest(params, params.price_data, unit_amount, item["currency"]))


def delete(call: Call, _: NoParams) -> Json:
    """Deletes a pending item, or an item on a draft together with its line."""
    item = call.load("invoiceitem", call.path["invoiceitem"])
    invoice = _editable(call.load("invoice", item["invoice"])) if item["invoice"] else None
    line = line_of_item(call, item)
    if line is not None and invoice is not None:
        call.drop(line)
        call.change(invoice, recompute(call, invoice), "invoice.updated")
    call.emit("invoiceitem.deleted", item)
    call.drop(item)
    return {"id": item["id"], "object": "invoiceitem", "deleted": True}


def listing(call: Call, params: ListItems) -> Json:
    """Returns a page of items."""
    if params.pending and params.invoice:
        raise BadParameters(
            "You may only specify one of these parameters: pending, invoice.",
            code="parameters_exclusive",
        )
    filters = []
    if params.invoice:
        filters.append(Filter("$.invoice", "=", params.invoice))
    if params.pending is not None:
        filters.append(Filter("$.invoice", "is" if params.pending else "is not", None))
    url = "/v1/invoiceitems"
    return page(call, "invoiceitem", params, url=url, owner=params.customer, filters=filters)


_ONE = "/v1/invoiceitems/{invoiceitem}"

OPERATIONS: list[Operation] = [
    operation("POST", "/v1/invoiceitems", "invoiceitem", CreateItem, create),
    operation("GET", "/v1/invoiceitems", "list:invoiceitem", ListItems, listing),
    operation("GET", _ONE, "invoiceitem", NoParams, retrieve),
    operation("POST", _ONE, "invoiceitem", UpdateItem, update),
    operation("DELETE", _ONE, "invoiceitem", NoParams, delete),
]
