"""Chargebacks, created and reversed through the admin API."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.mollie.core import ids, ledger, times
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.errors import Unprocessable
from sandbox.mollie.core.lists import page
from sandbox.mollie.core.money import minor
from sandbox.mollie.core.operations import Operation, operation
from sandbox.mollie.core.params import Amount, NoParams, Page, Params
from sandbox.mollie.core.views import view
from sandbox.mollie.refunds.refunds import update_amounts
from sandbox.mollie.webhooks.deliveries import notify


class ChargebackRequest(Params):
    """A chargeback: amount (default: the remaining amount) and reason."""

    amount: Amount | None = None
    code: str = "AM04"
    description: str = "Insufficient funds"


def create_chargeback(call: Call, payment: Json, params: ChargebackRequest) -> Json:
    """Creates a chargeback. Raises Unprocessable if it exceeds the remaining amount."""
    left = payment.get("amountRemaining") or {}
    amount = left if params.amount is None else params.amount.model_dump()
    if not left or not 0 < minor(amount) <= minor(left):
        raise Unprocessable("The payment has not so much left", field="amount")
    chargeback: Json = {
        "object": "chargeback",
        "id": ids.fresh("chb_"),
        "amount": amount,
        "reason": {"code": params.code, "description": params.description},
        "paymentId": payment["id"],
        "createdAt": times.shown(call.now),
        "reversedAt": None,
    }
    call.put(chargeback)
    ledger.write(call, "chargeback", payment, amount=amount, entity=chargeback["id"])
    update_amounts(call, payment)
    notify(call, "chargeback.received", payment, chargeback)
    return chargeback


def reverse_chargeback(call: Call, chargeback: Json) -> Json:
    """Reverses a chargeback."""
    if chargeback["reversedAt"] is not None:
        raise Unprocessable("The chargeback is reversed already")
    payment = call.load("payment", chargeback["paymentId"])
    call.change(chargeback, reversedAt=times.shown(call.now))
    amount, entity = chargeback["amount"], chargeback["id"]
    ledger.write(call, "chargeback_reversed", payment, amount=amount, entity=entity)
    update_amounts(call, payment)
    notify(call, "chargeback.reversed", payment, chargeback)
    return chargeback


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a chargeback."""
    payment = call.load("payment", call.path["payment"])
    return view(call, call.load("chargeback", call.path["chargeback"], within=payment["id"]))


def listing(call: Call, params: Page) -> Json:
    """Returns a page of all chargebacks."""
    return page(call, "chargeback", params, path="chargebacks")


def of_payment(call: Call, params: Page) -> Json:
    """Returns a page of a payment's chargebacks."""
    payment = call.load("payment", call.path["payment"])
    path = f"payments/{payment['id']}/chargebacks"
    return page(call, "chargeback", params, path=path, owner=payment["id"])


_ALL = "/v2/payments/{payment}/chargebacks"

OPERATIONS: list[Operation] = [
    operation("GET", "/v2/chargebacks", Page, listing),
    operation("GET", _ALL, Page, of_payment),
    operation("GET", _ALL + "/{chargeback}", NoParams, retrieve),
]
