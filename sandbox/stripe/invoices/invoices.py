"""Invoices: create, retrieve, update, delete and list."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator

from sandbox.common.store import Json, equal
from sandbox.stripe.catalogue.tax_rates import chosen
from sandbox.stripe.core.accounts import DEFAULT_CURRENCY
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, InvalidRequest
from sandbox.stripe.core.invoice_agenda import GRACE_S
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.method_types import MethodTypes
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import (
    Bool,
    Clearable,
    CreatedPage,
    Currency,
    Int,
    Metadata,
    NestedParams,
    NoParams,
    Params,
    Text,
    Texts,
)
from sandbox.stripe.core.updates import given_fields
from sandbox.stripe.core.views import view
from sandbox.stripe.customers.customers import existing_customer
from sandbox.stripe.invoices.amounts import recompute
from sandbox.stripe.invoices.invoice_object import new_invoice
from sandbox.stripe.invoices.lines import draw_pending, pending_items
from sandbox.stripe.invoices.revisions import FromInvoice, copied_draft

DAY_S = 86400
MAX_FOOTER = 5000

_UNSUPPORTED = frozenset(
    {
        "account_tax_ids", "application_fee_amount", "automatic_tax", "customer_account",
        "default_source", "discounts", "issuer", "number", "on_behalf_of",
        "rendering", "shipping_cost", "shipping_details", "statement_descriptor", "transfer_data",
    }
)  # fmt: skip


class CustomField(NestedParams):
    """A custom field printed on the invoice."""

    name: Text
    value: Text


class PaymentSettings(NestedParams):
    """Payment settings of an invoice."""

    payment_method_types: MethodTypes | None = None


def _listed(value: object) -> object:
    return [] if value == "" else value


class InvoiceFields(Params):
    """Common fields of create and update."""

    unsupported = _UNSUPPORTED
    auto_advance: Bool | None = None
    automatically_finalizes_at: Int | None = None
    collection_method: Literal["charge_automatically", "send_invoice"] | None = None
    custom_fields: Annotated[list[CustomField] | None, BeforeValidator(_listed)] = None
    days_until_due: Int | None = None
    default_payment_method: Clearable | None = None
    default_tax_rates: Texts | None = None
    description: Clearable | None = None
    due_date: Int | None = None
    effective_at: Int | None = None
    footer: Clearable | None = None
    metadata: Metadata | None = None
    payment_settings: PaymentSettings | None = None


class CreateInvoice(InvoiceFields):
    """POST /v1/invoices."""

    unsupported = _UNSUPPORTED | {"subscription"}
    customer: Text | None = None
    from_invoice: FromInvoice | None = None
    currency: Currency | None = None
    pending_invoice_items_behavior: Literal["exclude", "include"] = "exclude"


class UpdateInvoice(InvoiceFields):
    """POST /v1/invoices/{invoice}."""


class ListInvoices(CreatedPage):
    """GET /v1/invoices."""

    unsupported = frozenset({"customer_account", "due_date"})
    collection_method: Literal["charge_automatically", "send_invoice"] | None = None
    customer: Text | None = None
    status: Literal["draft", "open", "paid", "uncollectible", "void"] | None = None
    subscription: Text | None = None


def create(call: Call, params: CreateInvoice) -> Json:
    """Creates a draft: empty, with the customer's pending items, or revising an invoice."""
    if params.from_invoice is not None:
        draft = copied_draft(call, params.from_invoice)
        draft.update(_changes(call, draft, params))
        draft.update(recompute(call, draft))
        return view(call, call.create(draft, "invoice.created"))
    if params.customer is None:
        raise BadParameters(
            "Missing required param: customer.", code="parameter_missing", param="customer"
        )
    customer = existing_customer(call, params.customer, param="customer")
    waiting = params.pending_invoice_items_behavior == "include"
    pending = pending_items(call, customer["id"]) if waiting else []
    currency = (params.currency or "").lower() or customer["currency"]
    if currency is None:
        currency = pending[0]["currency"] if pending else DEFAULT_CURRENCY
    invoice = new_invoice(call, customer, currency)
    invoice.update(_changes(call, invoice, params))
    if params.collection_method == "send_invoice" and not (
        params.days_until_due is not None or params.due_date is not None
    ):
        raise BadParameters(
            "You must pass either `days_until_due` or `due_date` when"
            " `collection_method=send_invoice`.",
            param="days_until_due",
        )
    call.put(invoice)
    draw_pending(call, invoice, [item for item in pending if item["currency"] == currency])
    invoice.update(recompute(call, invoice))
    return view(call, call.create(invoice, "invoice.created"))


def _changes(call: Call, invoice: Json, params: InvoiceFields) -> Json:
    given = given_fields(
        params,
        invoice,
        clear=("description", "footer", "default_payment_method"),
        omit={"customer", "currency", "from_invoice", "pending_invoice_items_behavior"},
    )
    if len(given.get("footer") or "") > MAX_FOOTER:
        raise BadParameters(f"Footer must be at most {MAX_FOOTER} characters.", param="footer")
    if given.get("default_payment_method"):
        owned_method(call, given["default_payment_method"], invoice, param="default_payment_method")
    if "default_tax_rates" in given:
        given["default_tax_rates"] = chosen(
            call, given["default_tax_rates"], param="default_tax_rates"
        )
    if "payment_settings" in given:
        given["payment_settings"] = invoice["payment_settings"] | (given["payment_settings"] or {})
    if "custom_fields" in given:
        given["custom_fields"] = given["custom_fields"] or None
    if "days_until_due" in given:
        given["_days_until_due"] = given.pop("days_until_due")
    return _finalizes_at(call, invoice, params) | given


def _finalizes_at(call: Call, invoice: Json, params: InvoiceFields) -> Json:
    """Returns the draft's new automatic finalisation time after a change of ``auto_advance``.

    An unchanged ``auto_advance`` keeps the invoice's time.
    """
    requested, advances = params.auto_advance, invoice["auto_advance"]
    if requested in (None, advances) and params.automatically_finalizes_at is None:
        return {}
    soon = params.automatically_finalizes_at or call.now + GRACE_S
    at = soon if (advances if requested is None else requested) else None
    method = params.collection_method or invoice["collection_method"]
    charged_at = at if method == "charge_automatically" else None
    finalizes_at = at if invoice["status"] == "draft" else None
    return {"automatically_finalizes_at": finalizes_at, "next_payment_attempt": charged_at}


def owned_method(call: Call, method_id: str, invoice: Json, *, param: str) -> Json:
    """Returns a payment method of the invoice's customer. Raises BadParameters otherwise."""
    method = call.find("payment_method", method_id)
    if method is None or method["customer"] != invoice["customer"]:
        raise InvalidRequest(
            f"The customer does not have a payment method with the ID {method_id}. The payment"
            " method must be attached to the customer.",
            code="resource_missing",
            param=param,
        )
    return method


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns an invoice."""
    return view(call, call.load("invoice", call.path["invoice"]))


# Fields that are editable after finalisation.
_AFTER_FINALIZING = {
    "open": {
        "auto_advance", "automatically_finalizes_at", "next_payment_attempt", "metadata",
        "default_payment_method", "payment_settings", "_days_until_due", "due_date",
        "collection_method",
    },
    "uncollectible": {"metadata"},
    "paid": {"metadata"},
    "void": {"metadata"},
}  # fmt: skip


def update(call: Call, params: UpdateInvoice) -> Json:
    """Updates a draft, or the few editable fields of a finalised invoice."""
    invoice = call.load("invoice", call.path["invoice"])
    changes = _changes(call, invoice, params)
    if invoice["status"] != "draft":
        if changes.keys() - _AFTER_FINALIZING[invoice["status"]]:
            raise not_editable("Finalized invoices can't be updated in this way.")
        return view(call, call.change(invoice, changes, "invoice.updated"))
    changed = invoice | changes
    return view(call, call.change(invoice, changes | recompute(call, changed), "invoice.updated"))


def not_editable(message: str) -> InvalidRequest:
    """Returns the error for a change of an invoice that is no longer editable."""
    return InvalidRequest(message, code="invoice_not_editable")


def delete(call: Call, _: NoParams) -> Json:
    """Deletes a draft together with its invoice items."""
    invoice = call.load("invoice", call.path["invoice"])
    if invoice["status"] != "draft":
        raise not_editable("You can only delete draft invoices.")
    if invoice["parent"] is not None:
        raise not_editable("You can't delete invoices created by subscriptions.")
    call.emit("invoice.deleted", invoice)
    for line in call.all("line_item", owner=invoice["id"]):
        item = call.find("invoiceitem", line["_item"])
        call.drop(line)
        if item:
            call.drop(item)
    call.drop(invoice)
    return {"id": invoice["id"], "object": "invoice", "deleted": True}


def listing(call: Call, params: ListInvoices) -> Json:
    """Returns a page of invoices."""
    filters = equal(
        status=params.status,
        collection_method=params.collection_method,
        parent__subscription_details__subscription=params.subscription,
    )
    return page(call, "invoice", params, url="/v1/invoices", owner=params.customer, filters=filters)


OPERATIONS: list[Operation] = [
    operation("POST", "/v1/invoices", "invoice", CreateInvoice, create),
    operation("GET", "/v1/invoices", "list:invoice", ListInvoices, listing),
    operation("GET", "/v1/invoices/{invoice}", "invoice", NoParams, retrieve),
    operation("POST", "/v1/invoices/{invoice}", "invoice", UpdateInvoice, update),
    operation("DELETE", "/v1/invoices/{invoice}", "invoice", NoParams, delete),
]
