"""Captures of authorized payments."""

from __future__ import annotations

from pydantic import Field

from sandbox.common.store import Json
from sandbox.mollie.core import ids, times
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.errors import Unprocessable
from sandbox.mollie.core.lists import page
from sandbox.mollie.core.money import minor
from sandbox.mollie.core.operations import Operation, operation
from sandbox.mollie.core.params import Amount, Metadata, NoParams, Page, Params
from sandbox.mollie.core.views import view
from sandbox.mollie.payments.status import move
from sandbox.mollie.webhooks.deliveries import notify


class CreateCapture(Params):
    """POST /v2/payments/{payment}/captures: all of it unless an amount is given."""

    amount: Amount | None = None
    description: str = Field(default="", max_length=255)
    metadata: Metadata = None


def create(call: Call, params: CreateCapture) -> Json:
    """Captures an authorized payment, once; the remaining amount is released."""
    payment = call.load("payment", call.path["payment"])
    if payment["status"] != "authorized":
        raise Unprocessable("The payment is not authorized")
    amount = payment["amount"] if params.amount is None else params.amount.model_dump()
    if amount["currency"] != payment["amount"]["currency"]:
        raise Unprocessable("The currency is not the payment's", field="amount")
    if not 0 < minor(amount) <= minor(payment["amount"]):
        raise Unprocessable("The amount is higher than the maximum", field="amount")
    capture: Json = {
        "object": "capture",
        "id": ids.fresh("cpt_"),
        "mode": call.account.mode,
        "amount": amount,
        "status": "succeeded",
        "description": params.description,
        "metadata": params.metadata,
        "paymentId": payment["id"],
        "createdAt": times.shown(call.now),
    }
    call.put(capture)
    payment.update(amountCaptured=amount, _has=sorted({*payment["_has"], "captures"}))
    move(call, payment, "paid", method=payment["method"])
    notify(call, "capture.succeeded", payment, capture)
    return view(call, capture)


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a capture."""
    payment = call.load("payment", call.path["payment"])
    return view(call, call.load("capture", call.path["capture"], within=payment["id"]))


def listing(call: Call, params: Page) -> Json:
    """Returns a page of a payment's captures."""
    payment = call.load("payment", call.path["payment"])
    path = f"payments/{payment['id']}/captures"
    return page(call, "capture", params, path=path, owner=payment["id"])


_ALL = "/v2/payments/{payment}/captures"

OPERATIONS: list[Operation] = [
    operation("POST", _ALL, CreateCapture, create),
    operation("GET", _ALL, Page, listing),
    operation("GET", _ALL + "/{capture}", NoParams, retrieve),
]
