"""Seed 000: a tenant's Stripe invoice, answered with its PaymentIntent."""

from http import HTTPStatus
from typing import Final

from domain.invoices.view import InvoiceView
from service.dialects.fields import renamed
from service.http.envelope import Json, Rendered
from service.http.errors import Problem
from service.http.success_envelope import render_success
from service.invoices import render as invoices_render

DIALECT: Final = "000"
CREATED: Final = "Stripe invoice created"
ACCEPTED: Final = "Stripe invoice requested"
PENDING: Final[Json] = {"id": None, "status": "processing"}

_FIELDS: Final = {
    "lineItems": "price",
    "lineItems.0": "price",
    "lineItems.0.price": "price",
    "taxRateId": "taxRate",
    "tenantUuid": "tenantId",
    "footer": "footer",
}


def refusal_of(view: InvoiceView) -> Problem | None:
    """Say what is told of a decline or of what the provider refused; None if there is neither."""
    problem = invoices_render.refusal_of(view)
    return None if problem is None else renamed(problem, _FIELDS)


def render_outcome(payment_intent: Json) -> Rendered:
    """Answer with the payment."""
    data = {"kind": "stripePaymentIntent", **payment_intent}
    return render_success(data, status=HTTPStatus.CREATED, message=CREATED)


def render_pending() -> Rendered:
    """Answer that the payment is not known yet."""
    data = {"kind": "stripePaymentIntent", **PENDING}
    return render_success(data, status=HTTPStatus.ACCEPTED, message=ACCEPTED)
