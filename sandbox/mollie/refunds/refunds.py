"""Refunds: queued, pending for two hours, then processing, then refunded or failed."""

from __future__ import annotations

from pydantic import Field

from sandbox.common.store import Json
from sandbox.mollie.core import agenda, ids, ledger, times
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.errors import MollieError, Unprocessable
from sandbox.mollie.core.lists import page
from sandbox.mollie.core.money import captured, minor, shown
from sandbox.mollie.core.operations import Operation, operation
from sandbox.mollie.core.params import Amount, Metadata, NoParams, Page, Params
from sandbox.mollie.core.views import view
from sandbox.mollie.webhooks.deliveries import notify

UNDONE = frozenset({"failed", "canceled"})


class CreateRefund(Params):
    """POST /v2/payments/{payment}/refunds."""

    unsupported = frozenset({"externalReference", "reverseRouting", "routingReversals"})
    amount: Amount
    description: str = Field(default="", max_length=255)
    metadata: Metadata = None


def create(call: Call, params: CreateRefund) -> Json:
    """Refunds a part of a payment, or its remaining amount."""
    payment = call.load("payment", call.path["payment"])
    return view(call, start_refund(call, payment, params))


def start_refund(call: Call, payment: Json, params: CreateRefund) -> Json:
    """Stores a new refund. Raises Unprocessable if it exceeds the remaining amount."""
    if payment["status"] != "paid" and not captured(payment):
        raise Unprocessable("The payment cannot be refunded, as it is not paid")
    amount, currency = params.amount.minor(), payment["amount"]["currency"]
    if params.amount.currency != currency:
        raise Unprocessable("The currency is not the payment's", field="amount")
    if amount <= 0:
        raise Unprocessable("The amount is lower than the minimum", field="amount")
    if amount > minor(payment["amountRemaining"]):
        raise Unprocessable("The amount is higher than the maximum", field="amount")
    if call.settings.refuse_equal_refunds and _equal(call, payment, amount):
        raise MollieError("A duplicate refund has been detected", status=409)
    refund: Json = {
        "object": "refund",
        "id": ids.fresh("re_"),
        "mode": call.account.mode,
        "description": params.description,
        "amount": params.amount.model_dump(),
        "metadata": params.metadata,
        "paymentId": payment["id"],
        "status": "queued" if call.settings.refund_queue_s else "pending",
        "createdAt": times.shown(call.now),
        "_fate": call.settings.refund_outcome,
    }
    call.put(refund)
    update_amounts(call, payment)
    _plan(call, refund)
    notify(call, f"refund.{refund['status']}", payment, refund)
    return refund


def _equal(call: Call, payment: Json, amount: int) -> bool:
    found = call.all("refund", owner=payment["id"])
    return any(minor(item["amount"]) == amount for item in found if item["status"] not in UNDONE)


def update_amounts(call: Call, payment: Json) -> None:
    """Updates a payment's refunded, charged-back and remaining amounts."""
    currency = payment["amount"]["currency"]
    refunds = call.all("refund", owner=payment["id"])
    back = call.all("chargeback", owner=payment["id"])
    refunded = sum(minor(item["amount"]) for item in refunds if item["status"] not in UNDONE)
    taken = sum(minor(item["amount"]) for item in back if item["reversedAt"] is None)
    paid = captured(payment)
    payment["amountRefunded"] = shown(refunded, currency)
    payment["amountChargedBack"] = shown(taken, currency)
    payment["amountRemaining"] = shown(max(0, paid - refunded - taken), currency)
    names = [name for name, found in (("refunds", refunds), ("chargebacks", back)) if found]
    payment["_has"] = sorted({*payment["_has"], *names})
    call.put(payment)


def _plan(call: Call, refund: Json) -> None:
    settings = call.settings
    waits = {
        "queued": settings.refund_queue_s,
        "pending": settings.refund_pending_s,
        "processing": settings.refund_processing_s,
    }
    if refund["status"] in waits:
        agenda.plan(call, "refund.step", refund["id"], at=call.now + waits[refund["status"]])


def advance(call: Call, refund_id: str) -> None:
    """Moves a refund to its next status."""
    refund = call.load("refund", refund_id)
    following = {"queued": "pending", "pending": "processing", "processing": refund["_fate"]}
    _move(call, refund, following[refund["status"]])


def _move(call: Call, refund: Json, status: str) -> None:
    payment = call.load("payment", refund["paymentId"])
    call.change(refund, status=status)
    if status == "refunded":
        ledger.write(call, "refund", payment, amount=refund["amount"], entity=refund["id"])
    update_amounts(call, payment)
    _plan(call, refund)
    notify(call, f"refund.{status}", payment, refund)


def _load(call: Call) -> Json:
    payment = call.load("payment", call.path["payment"])
    return call.load("refund", call.path["refund"], within=payment["id"])


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a refund."""
    return view(call, _load(call))


def cancel(call: Call, _: NoParams) -> None:
    """Cancels a refund that was not yet sent to the bank."""
    refund = _load(call)
    if refund["status"] not in {"queued", "pending"}:
        raise Unprocessable(f"The refund is {refund['status']} and cannot be canceled")
    agenda.cancel(call, "refund.step", refund["id"])
    _move(call, refund, "canceled")


def listing(call: Call, params: Page) -> Json:
    """Returns a page of all refunds."""
    return page(call, "refund", params, path="refunds")


def of_payment(call: Call, params: Page) -> Json:
    """Returns a page of a payment's refunds."""
    payment = call.load("payment", call.path["payment"])
    path = f"payments/{payment['id']}/refunds"
    return page(call, "refund", params, path=path, owner=payment["id"])


_ALL = "/v2/payments/{payment}/refunds"
_ONE = _ALL + "/{refund}"

OPERATIONS: list[Operation] = [
    operation("GET", "/v2/refunds", Page, listing),
    operation("POST", _ALL, CreateRefund, create),
    operation("GET", _ALL, Page, of_payment),
    operation("GET", _ONE, NoParams, retrieve),
    operation("DELETE", _ONE, NoParams, cancel),
]
