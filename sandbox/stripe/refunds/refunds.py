"""Refunds of charges: at once, or later for debits and some test cards."""

from __future__ import annotations

from typing import Literal

from sandbox.common.store import Json, equal
from sandbox.stripe.core import ids, ledger
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters, InvalidRequest
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.money import check_step, shown
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import CreatedPage, Int, Metadata, NoParams, Params, Text
from sandbox.stripe.core.updates import given_fields, merged_metadata
from sandbox.stripe.core.views import view
from sandbox.stripe.payment_methods.cards import BY_NUMBER

Reason = Literal["duplicate", "fraudulent", "requested_by_customer"]


class CreateRefund(Params):
    """POST /v1/refunds."""

    unsupported = frozenset(
        {
            "currency", "customer", "instructions_email", "origin", "refund_application_fee",
            "reverse_transfer",
        }
    )  # fmt: skip
    amount: Int | None = None
    charge: Text | None = None
    metadata: Metadata | None = None
    payment_intent: Text | None = None
    reason: Reason | None = None


class UpdateRefund(Params):
    """POST /v1/refunds/{refund}."""

    metadata: Metadata | None = None


class ListRefunds(CreatedPage):
    """GET /v1/refunds."""

    charge: Text | None = None
    payment_intent: Text | None = None


def create(call: Call, params: CreateRefund) -> Json:
    """Refunds a charge; the amount defaults to the remaining amount."""
    charge = _charge(call, params)
    refund = new_refund(call, charge, amount=params.amount, reason=params.reason)
    refund["metadata"] = merged_metadata({}, params.metadata)
    return view(call, issue_refund(call, charge, refund))


def _charge(call: Call, params: CreateRefund) -> Json:
    if params.payment_intent:
        intent = call.load("payment_intent", params.payment_intent, param="payment_intent")
        if intent["status"] != "succeeded":
            raise InvalidRequest(
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
            )
        if params.charge not in (None, intent["latest_charge"]):
            raise InvalidRequest(
                f"Charge {params.charge} is not the charge of {intent['id']}.", param="charge"
            )
        return call.load("charge", intent["latest_charge"])
    if params.charge:
        return call.load("charge", params.charge, param="charge")
    raise BadParameters(
        "One of the following params should be provided for this request: payment_intent or"
        " charge.",
        code="parameter_missing",
    )


def new_refund(
    call: Call, charge: Json, *, amount: int | None = None, reason: Reason | None = None
) -> Json:
    """Returns a refund, not yet stored. Raises InvalidRequest or BadParameters as Stripe does."""
    left = charge["amount_captured"] - charge["amount_refunded"]
    _check(charge, left=left, amount=amount)
    method = call.find("payment_method", charge["payment_method"])
    card = BY_NUMBER.get(method.get("_number", "")) if method else None
    waits = card is None or card.refund == "pending"
    return {
        "id": ids.fresh("re_"),
        "object": "refund",
        "amount": left if amount is None else amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        **({"destination_details": _destination(waits=waits)} if card else {}),
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        **({"pending_reason": "processing"} if waits else {}),
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending" if waits else "succeeded",
        "transfer_reversal": None,
    }


def _check(charge: Json, *, left: int, amount: int | None) -> None:
    if charge["status"] != "succeeded":
        raise InvalidRequest(f"Charge {charge['id']} is not paid: there is nothing to refund.")
    if charge.get("_charged_back"):
        raise InvalidRequest(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    if left <= 0:
        raise InvalidRequest(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if amount is None:
        return
    if amount < 1:
        raise BadParameters(
            "Invalid positive integer", code="parameter_invalid_integer", param="amount"
        )
    check_step(amount, charge["currency"])
    if amount > left:
        wanted, rest = shown(amount, charge["currency"]), shown(left, charge["currency"])
        raise InvalidRequest(
            f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({rest})",
            param="amount",
        )


def _destination(*, waits: bool) -> Json:
    if waits:
        return {"card": {"type": "pending"}, "type": "card"}
    card = {"reference_status": "pending", "reference_type": "acquirer_reference_number"}
    return {"card": card | {"type": "refund"}, "type": "card"}


def issue_refund(call: Call, charge: Json, refund: Json) -> Json:
    """Stores a refund, updates its charge, and emits events of both.

    The account's balance is debited at once, even if the refund stays pending.
    """
    call.create(refund, "refund.created")
    ledger.write(call, "refund", charge, amount=refund["amount"], invoice=charge["_invoice"])
    call.change(charge, _after(charge, refund["amount"]), "charge.refunded")
    return refund


def reverse_refund(call: Call, refund: Json) -> None:
    """Returns the amount of a failed or canceled refund to the account and the charge."""
    charge = call.load("charge", refund["charge"])
    invoice = charge["_invoice"]
    ledger.write(call, "refund_reversal", charge, amount=refund["amount"], invoice=invoice)
    call.change(charge, _after(charge, -refund["amount"]))


def _after(charge: Json, amount: int) -> Json:
    total = charge["amount_refunded"] + amount
    return {"amount_refunded": total, "refunded": total == charge["amount_captured"]}


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a refund."""
    return view(call, call.load("refund", call.path["refund"]))


def update(call: Call, params: UpdateRefund) -> Json:
    """Updates a refund's metadata, its only editable field."""
    refund = call.load("refund", call.path["refund"])
    return view(call, call.change(refund, given_fields(params, refund), "refund.updated"))


def listing(call: Call, params: ListRefunds) -> Json:
    """Returns a page of refunds, optionally of one charge or payment intent."""
    filters = equal(payment_intent=params.payment_intent)
    return page(call, "refund", params, url="/v1/refunds", owner=params.charge, filters=filters)


OPERATIONS: list[Operation] = [
    operation("POST", "/v1/refunds", "refund", CreateRefund, create),
    operation("GET", "/v1/refunds", "list:refund", ListRefunds, listing),
    operation("GET", "/v1/refunds/{refund}", "refund", NoParams, retrieve),
    operation("POST", "/v1/refunds/{refund}", "refund", UpdateRefund, update),
]
