"""Admin actions of users in Stripe's dashboard, and of banks.

POST   /_admin/stripe/invoices/{id}/pay_out_of_band
POST   /_admin/stripe/invoices/{id}/void
POST   /_admin/stripe/invoices/{id}/mark_uncollectible
POST   /_admin/stripe/invoices/{id}/overpay     {"amount"}: pays the invoice once more
POST   /_admin/stripe/refunds                   {"payment_intent" | "invoice" | "charge",
                                                "amount", "reason"}: no metadata
POST   /_admin/stripe/refunds/{id}/succeed      a pending refund succeeds
POST   /_admin/stripe/refunds/{id}/fail         {"reason"}; also a succeeded refund
POST   /_admin/stripe/refunds/{id}/require_action
POST   /_admin/stripe/refunds/{id}/cancel
POST   /_admin/stripe/charges/{id}/dispute      {"amount", "reason", "status"}: needs_response
                                                or warning_needs_response; the id may be
                                                an invoice's or a payment intent's too
POST   /_admin/stripe/disputes/{id}/win         or lose
POST   /_admin/stripe/disputes/{id}/escalate    or close_warning, for inquiries
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from sandbox.common.clock import StrictModel
from sandbox.common.store import Json
from sandbox.stripe.admin.request_json import validate
from sandbox.stripe.collection import other_payments
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, InvalidRequest
from sandbox.stripe.core.views import view
from sandbox.stripe.disputes import disputes
from sandbox.stripe.disputes import outcomes as dispute_outcomes
from sandbox.stripe.invoices import lifecycle as invoice_lifecycle
from sandbox.stripe.refunds import outcomes as refund_outcomes
from sandbox.stripe.refunds import refunds

AdminAction = Callable[[Call, Json], Json]


class ObjectRequest(StrictModel):
    """Request with the id of an object from the path."""

    id: str


class Overpayment(ObjectRequest):
    """An overpayment; its amount defaults to the invoice's amount."""

    amount: int | None = Field(default=None, ge=1)


class FailedRefund(ObjectRequest):
    """A failed refund and its reason."""

    reason: Literal[
        "lost_or_stolen_card",
        "expired_or_canceled_card",
        "charge_for_pending_refund_disputed",
        "insufficient_funds",
        "declined",
        "merchant_request",
        "unknown",
    ] = "unknown"


class NewDispute(ObjectRequest):
    """A new dispute or inquiry; its amount defaults to the charge's."""

    amount: int | None = Field(default=None, ge=1)
    reason: str = "fraudulent"
    status: Literal["needs_response", "warning_needs_response"] = "needs_response"


class DashboardRefund(StrictModel):
    """A refund made in the dashboard; its amount defaults to the remaining amount."""

    payment_intent: str | None = None
    invoice: str | None = None
    charge: str | None = None
    amount: int | None = Field(default=None, ge=1)
    reason: refunds.Reason | None = "requested_by_customer"


def charge_of(call: Call, object_id: str) -> Json:
    """Returns the successful charge of a charge, payment intent or invoice id."""
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
    invoice = call.load("invoice", validate(ObjectRequest, given).id)
    if invoice["status"] not in {"open", "uncollectible"}:
        raise InvalidRequest(f"This invoice is {invoice['status']}.")
    return {"invoice": view(call, other_payments.pay_out_of_band(call, invoice))}


def _overpay(call: Call, given: Json) -> Json:
    request = validate(Overpayment, given)
    invoice = call.load("invoice", request.id)
    other_payments.overpay(call, invoice, amount=request.amount)
    return {"invoice": view(call, invoice)}


def _refund(call: Call, given: Json) -> Json:
    request = validate(DashboardRefund, given)
    of = request.payment_intent or request.invoice or request.charge
    if of is None:
        raise BadParameters("Say of what: payment_intent, invoice or charge.")
    charge = charge_of(call, of)
    refund = refunds.new_refund(call, charge, amount=request.amount, reason=request.reason)
    return {"refund": view(call, refunds.issue_refund(call, charge, refund))}


def _fail_refund(call: Call, given: Json) -> Json:
    request = validate(FailedRefund, given)
    refund = call.load("refund", request.id)
    return {"refund": view(call, refund_outcomes.fail(call, refund, reason=request.reason))}


def _dispute(call: Call, given: Json) -> Json:
    request = validate(NewDispute, given)
    charge = charge_of(call, request.id)
    amount = request.amount or charge["amount"]
    if amount > charge["amount"]:
        raise InvalidRequest("A dispute cannot be of more than the charge.", param="amount")
    dispute = disputes.new_dispute(
        call, charge, amount=amount, reason=request.reason, status=request.status
    )
    return {"dispute": view(call, dispute_outcomes.open_dispute(call, charge, dispute))}


def _on(kind: str, outcome: Callable[[Call, Json], Json]) -> AdminAction:
    def step(call: Call, given: Json) -> Json:
        body = call.load(kind, validate(ObjectRequest, given).id)
        return {kind: view(call, outcome(call, body))}

    return step


ADMIN_ACTIONS: list[tuple[str, AdminAction]] = [
    ("/invoices/{id}/pay_out_of_band", _out_of_band),
    ("/invoices/{id}/void", _on("invoice", invoice_lifecycle.void_invoice)),
    (
        "/invoices/{id}/mark_uncollectible",
        _on("invoice", invoice_lifecycle.mark_invoice_uncollectible),
    ),
    ("/invoices/{id}/overpay", _overpay),
    ("/refunds", _refund),
    ("/refunds/{id}/succeed", _on("refund", refund_outcomes.succeed)),
    ("/refunds/{id}/fail", _fail_refund),
    ("/refunds/{id}/require_action", _on("refund", refund_outcomes.require_action)),
    ("/refunds/{id}/cancel", _on("refund", refund_outcomes.cancel_refund)),
    ("/charges/{id}/dispute", _dispute),
    ("/disputes/{id}/win", _on("dispute", dispute_outcomes.win)),
    ("/disputes/{id}/lose", _on("dispute", dispute_outcomes.lose)),
    ("/disputes/{id}/close_warning", _on("dispute", dispute_outcomes.close_warning)),
    ("/disputes/{id}/escalate", _on("dispute", dispute_outcomes.escalate)),
]
