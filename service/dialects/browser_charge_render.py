"""Render the responses of seed 000: the PaymentIntent of a charge."""

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


def failure_problem(view: InvoiceView) -> Problem | None:
    """Return the error of a declined payment or a rejected request; None without either."""
    problem = invoices_render.failure_problem(view)
    return None if problem is None else renamed(problem, _FIELDS)


def render_outcome(payment_intent: Json) -> Rendered:
    """Render the payment."""
    data = {"kind": "stripePaymentIntent", **payment_intent}
    return render_success(data, status=HTTPStatus.CREATED, message=CREATED)


def render_pending() -> Rendered:
    """Render a payment without an outcome."""
    data = {"kind": "stripePaymentIntent", **PENDING}
    return render_success(data, status=HTTPStatus.ACCEPTED, message=ACCEPTED)
