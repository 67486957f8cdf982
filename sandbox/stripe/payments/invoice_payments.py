"""Invoice payments, which link invoices to payment intents."""

from __future__ import annotations

from typing import Literal

from sandbox.common.store import Json, equal
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import CreatedPage, NestedParams, NoParams, Text
from sandbox.stripe.core.views import view


class Payment(NestedParams):
    """The payment of an invoice: a payment intent or a payment record."""

    type: Literal["payment_intent", "payment_record"]
    payment_intent: Text | None = None
    payment_record: Text | None = None


class ListInvoicePayments(CreatedPage):
    """GET /v1/invoice_payments."""

    invoice: Text | None = None
    payment: Payment | None = None
    status: Literal["canceled", "open", "paid"] | None = None


def new_payment(call: Call, invoice: Json, intent: Json) -> Json:
    """Returns the open payment of a finalised invoice."""
    return {
        "id": ids.fresh("inpay_"),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": invoice["amount_remaining"],
        "created": call.now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": call.account.livemode,
        "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }


def of_invoice(call: Call, invoice: Json) -> Json | None:
    """Returns the invoice's default payment, or None."""
    for payment in call.all("invoice_payment", owner=invoice["id"]):
        if payment["is_default"]:
            return payment
    return None


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns an invoice payment."""
    return view(call, call.load("invoice_payment", call.path["invoice_payment"]))


def listing(call: Call, params: ListInvoicePayments) -> Json:
    """Returns invoice payments, by invoice or by payment intent."""
    filters = equal(
        status=params.status,
        payment__type=params.payment.type if params.payment else None,
        payment__payment_intent=params.payment.payment_intent if params.payment else None,
        payment__payment_record=params.payment.payment_record if params.payment else None,
    )
    url = "/v1/invoice_payments"
    return page(call, "invoice_payment", params, url=url, owner=params.invoice, filters=filters)


OPERATIONS: list[Operation] = [
    operation("GET", "/v1/invoice_payments", "list:invoice_payment", ListInvoicePayments, listing),
    operation(
        "GET", "/v1/invoice_payments/{invoice_payment}", "invoice_payment", NoParams, retrieve
    ),
]
