"""Captures of authorized payments, and the release of what is not captured.

A method is captured in parts, until all of it is captured or the rest is released, or once: then
the rest is released with the capture. Until then a partly captured payment is ``authorized``, and
``paid`` after it. What is not captured in time is released on the ``captureBefore`` date.
"""

from __future__ import annotations

from pydantic import Field

from sandbox.common.store import Json
from sandbox.mollie.core import agenda, ids, ledger, times
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.errors import Unprocessable
from sandbox.mollie.core.lists import page
from sandbox.mollie.core.method_table import METHODS
from sandbox.mollie.core.money import captured, minor, shown
from sandbox.mollie.core.operations import Operation, operation
from sandbox.mollie.core.params import Amount, Metadata, NoParams, Page, Params
from sandbox.mollie.core.views import view
from sandbox.mollie.payments.status import move
from sandbox.mollie.refunds.refunds import update_amounts
from sandbox.mollie.webhooks.deliveries import notify


class CreateCapture(Params):
    """POST /v2/payments/{payment}/captures: all that is left unless an amount is given."""

    amount: Amount | None = None
    description: str = Field(default="", max_length=255)
    metadata: Metadata = None


class Release(Params):
    """POST /v2/payments/{payment}/release-authorization."""


def create(call: Call, params: CreateCapture) -> Json:
    """Captures an authorized payment, or a part of it."""
    payment = call.load("payment", call.path["payment"])
    return view(call, start_capture(call, payment, params))


def start_capture(call: Call, payment: Json, params: CreateCapture) -> Json:
    """Stores a new capture, which succeeds or fails after the account's capture delay."""
    capture: Json = {
        "object": "capture",
        "id": ids.fresh("cpt_"),
        "mode": call.account.mode,
        "amount": _amount(call, payment, params),
        "status": "pending",
        "description": params.description,
        "metadata": params.metadata,
        "paymentId": payment["id"],
        "createdAt": times.shown(call.now),
        "_fate": call.settings.capture_outcome,
    }
    call.put(capture)
    call.change(payment, _has=sorted({*payment["_has"], "captures"}))
    if call.settings.capture_delay_s:
        at = call.now + call.settings.capture_delay_s
        agenda.plan(call, "capture.settle", capture["id"], at=at)
        return capture
    settle(call, capture["id"])
    return call.load("capture", capture["id"], within=payment["id"])


def _amount(call: Call, payment: Json, params: CreateCapture) -> Json:
    """Returns the amount of a new capture. Raises Unprocessable if the rest does not allow it."""
    if payment["status"] != "authorized":
        raise Unprocessable("The payment is not authorized")
    currency = payment["amount"]["currency"]
    waiting = sum(minor(item["amount"]) for item in _pending(call, payment))
    left = minor(payment["amount"]) - captured(payment) - waiting
    if params.amount is None:
        wanted = left
    else:
        wanted = params.amount.minor()
        if params.amount.currency != currency:
            raise Unprocessable("The currency is not the payment's", field="amount")
    if waiting and not METHODS[payment["method"]].parts:
        raise Unprocessable("The payment has a capture already")
    if not 0 < wanted <= left:
        raise Unprocessable("The amount is higher than the maximum", field="amount")
    return shown(wanted, currency)


def _pending(call: Call, payment: Json) -> list[Json]:
    found = call.all("capture", owner=payment["id"])
    return [item for item in found if item["status"] == "pending"]


def settle(call: Call, capture_id: str) -> None:
    """Ends a pending capture; a success takes the money, and may end the authorization."""
    found = call.find("capture", capture_id)
    payment = call.load("payment", found["paymentId"]) if found else None
    if found is None or payment is None or found["status"] != "pending":
        return
    succeeds = found["_fate"] == "succeeded" and payment["status"] == "authorized"
    capture = call.change(found, status="succeeded" if succeeds else "failed")
    if not succeeds:
        notify(call, "capture.failed", payment, capture)
        return
    total = captured(payment) + minor(capture["amount"])
    payment["amountCaptured"] = shown(total, payment["amount"]["currency"])
    ledger.write(call, "payment", payment, amount=capture["amount"], entity=capture["id"])
    update_amounts(call, payment)
    if total == minor(payment["amount"]) or not METHODS[payment["method"]].parts:
        move(call, payment, "paid", method=payment["method"])
    notify(call, "capture.succeeded", payment, capture)


def capture_due(call: Call, payment_id: str) -> None:
    """Captures a payment whose ``captureDelay`` is over."""
    payment = call.load("payment", payment_id)
    if payment["status"] == "authorized" and not _pending(call, payment):
        start_capture(call, payment, CreateCapture())


def release(call: Call, _: Release) -> None:
    """Releases what is left of an authorization."""
    release_rest(call, call.load("payment", call.path["payment"]))


def release_rest(call: Call, payment: Json) -> Json:
    """Ends an authorization: the payment is paid if a part was captured, else canceled."""
    if payment["status"] != "authorized":
        raise Unprocessable(
            "Authorization cannot be released because the payment is not in the authorized state."
        )
    for capture in _pending(call, payment):
        settle(call, capture["id"])
        payment = call.load("payment", payment["id"])
    if payment["status"] != "authorized":
        return payment
    status = "paid" if captured(payment) else "canceled"
    return move(call, payment, status, method=payment["method"])


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a capture."""
    payment = call.load("payment", call.path["payment"])
    return view(call, call.load("capture", call.path["capture"], within=payment["id"]))


def listing(call: Call, params: Page) -> Json:
    """Returns a page of a payment's captures."""
    payment = call.load("payment", call.path["payment"])
    path = f"payments/{payment['id']}/captures"
    return page(call, "capture", params, path=path, owner=payment["id"])


_PAYMENT = "/v2/payments/{payment}"
_ALL = f"{_PAYMENT}/captures"

OPERATIONS: list[Operation] = [
    operation("POST", _ALL, CreateCapture, create),
    operation("GET", _ALL, Page, listing),
    operation("GET", _ALL + "/{capture}", NoParams, retrieve),
    operation("POST", f"{_PAYMENT}/release-authorization", Release, release, status=202),
]
