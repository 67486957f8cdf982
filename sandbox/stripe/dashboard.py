"""What a person does in Stripe's dashboard, and what banks do on their own, for the admin API.

POST   /_admin/stripe/invoices/{id}/pay_out_of_band
POST   /_admin/stripe/invoices/{id}/void
POST   /_admin/stripe/invoices/{id}/mark_uncollectible
POST   /_admin/stripe/invoices/{id}/overpay     {"amount"}: its customer pays once more
POST   /_admin/stripe/refunds                   {"payment_intent" | "invoice" | "charge",
                                                "amount", "reason"}: no metadata
POST   /_admin/stripe/refunds/{id}/succeed      what was pending arrives
POST   /_admin/stripe/refunds/{id}/fail         {"reason"}; one that succeeded can fail too
POST   /_admin/stripe/refunds/{id}/require_action
POST   /_admin/stripe/refunds/{id}/cancel
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from sandbox.clock import Strict
from sandbox.store import Json
from sandbox.stripe import finalizing, paying_elsewhere, refund_outcomes, refunds
from sandbox.stripe.call import Call
from sandbox.stripe.errors import BadParameters, InvalidRequest
from sandbox.stripe.given import read
from sandbox.stripe.views import view

Step = Callable[[Call, Json], Json]


class Named(Strict):
    """The object named in the path."""

    id: str


class Overpayment(Named):
    """How much is paid too much; the invoice's amount once more unless said."""

    amount: int | None = Field(default=None, ge=1)


class FailedRefund(Named):
    """Why a bank will not take a refund."""

    reason: Literal[
        "lost_or_stolen_card",
        "expired_or_canceled_card",
        "charge_for_pending_refund_disputed",
        "insufficient_funds",
        "declined",
        "merchant_request",
        "unknown",
    ] = "unknown"


class DashboardRefund(Strict):
    """A refund by hand: of what, and how much (the rest unless said)."""

    payment_intent: str | None = None
    invoice: str | None = None
    charge: str | None = None
    amount: int | None = Field(default=None, ge=1)
    reason: refunds.Reason | None = "requested_by_customer"


def charge_of(call: Call, object_id: str) -> Json:
    """Returns the charge that an id of a charge, payment intent or invoice stands for."""
    if object_id.startswith("in_"):
        invoice = call.load("invoice", object_id)
        object_id = invoice["_payment_intent"] or ""
    if object_id.startswith("pi_"):
        intent = call.load("payment_intent", object_id)
        object_id = intent["latest_charge"] or ""
    charge = call.find("charge", object_id)
    if charge is None or charge["status"] != "succeeded":
        raise InvalidRequest("There is no successful charge.", status=404)
    return charge


def _out_of_band(call: Call, given: Json) -> Json:
    invoice = call.load("invoice", read(Named, given).id)
    if invoice["status"] not in {"open", "uncollectible"}:
        raise InvalidRequest(f"This invoice is {invoice['status']}.")
    return {"invoice": view(call, paying_elsewhere.pay_out_of_band(call, invoice))}


def _void(call: Call, given: Json) -> Json:
    invoice = call.load("invoice", read(Named, given).id)
    return {"invoice": view(call, finalizing.voided(call, invoice))}


def _mark_uncollectible(call: Call, given: Json) -> Json:
    invoice = call.load("invoice", read(Named, given).id)
    return {"invoice": view(call, finalizing.given_up(call, invoice))}


def _overpay(call: Call, given: Json) -> Json:
    wanted = read(Overpayment, given)
    invoice = call.load("invoice", wanted.id)
    paying_elsewhere.overpay(call, invoice, amount=wanted.amount)
    return {"invoice": view(call, invoice)}


def _refund(call: Call, given: Json) -> Json:
    wanted = read(DashboardRefund, given)
    of = wanted.payment_intent or wanted.invoice or wanted.charge
    if of is None:
        raise BadParameters("Say of what: payment_intent, invoice or charge.")
    charge = charge_of(call, of)
    refund = refunds.refunded(call, charge, amount=wanted.amount, reason=wanted.reason)
    return {"refund": view(call, refunds.issue(call, charge, refund))}


def _fail_refund(call: Call, given: Json) -> Json:
    wanted = read(FailedRefund, given)
    refund = call.load("refund", wanted.id)
    return {"refund": view(call, refund_outcomes.fail(call, refund, reason=wanted.reason))}


def _on_refund(outcome: Callable[[Call, Json], Json]) -> Step:
    def step(call: Call, given: Json) -> Json:
        refund = call.load("refund", read(Named, given).id)
        return {"refund": view(call, outcome(call, refund))}

    return step


STEPS: list[tuple[str, Step]] = [
    ("/invoices/{id}/pay_out_of_band", _out_of_band),
    ("/invoices/{id}/void", _void),
    ("/invoices/{id}/mark_uncollectible", _mark_uncollectible),
    ("/invoices/{id}/overpay", _overpay),
    ("/refunds", _refund),
    ("/refunds/{id}/succeed", _on_refund(refund_outcomes.succeed)),
    ("/refunds/{id}/fail", _fail_refund),
    ("/refunds/{id}/require_action", _on_refund(refund_outcomes.require_action)),
    ("/refunds/{id}/cancel", _on_refund(refund_outcomes.withdraw)),
]
