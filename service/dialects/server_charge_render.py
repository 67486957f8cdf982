"""Render the responses of seed 001: the PaymentIntent of a charge, as `paymentIntents`."""

from http import HTTPStatus
from typing import Final

from service.dialects.browser_charge_render import ACCEPTED, CREATED, PENDING, failure_problem
from service.http.envelope import Json, Rendered
from service.http.success_envelope import render_success

__all__ = ["DIALECT", "failure_problem", "render_outcome", "render_pending"]

DIALECT: Final = "001"


def render_outcome(payment_intent: Json) -> Rendered:
    """Render the payment."""
    data = {"paymentIntents": payment_intent}
    return render_success(data, status=HTTPStatus.CREATED, message=CREATED)


def render_pending() -> Rendered:
    """Render a payment without an outcome."""
    data = {"paymentIntents": dict(PENDING)}
    return render_success(data, status=HTTPStatus.ACCEPTED, message=ACCEPTED)
