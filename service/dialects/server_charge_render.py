"""Seed 001: as 000, for app keys alone, with the PaymentIntent under a name of its own."""

from http import HTTPStatus
from typing import Final

from service.dialects.browser_charge_render import ACCEPTED, CREATED, PENDING, refusal_of
from service.http.envelope import Json, Rendered
from service.http.success_envelope import render_success

__all__ = ["DIALECT", "refusal_of", "render_outcome", "render_pending"]

DIALECT: Final = "001"


def render_outcome(payment_intent: Json) -> Rendered:
    """Answer with the payment."""
    data = {"paymentIntents": payment_intent}
    return render_success(data, status=HTTPStatus.CREATED, message=CREATED)


def render_pending() -> Rendered:
    """Answer that the payment is not known yet."""
    data = {"paymentIntents": dict(PENDING)}
    return render_success(data, status=HTTPStatus.ACCEPTED, message=ACCEPTED)
