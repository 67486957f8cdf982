"""Admin actions on one payment, chargeback or webhook that Mollie's API does not offer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.common.store import Json
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.params import Params, read
from sandbox.mollie.core.views import view
from sandbox.mollie.payments import captures
from sandbox.mollie.payments.status import move
from sandbox.mollie.refunds import chargebacks, refunds
from sandbox.mollie.webhooks import webhooks

Act = Callable[[Call, str, Json], Json]


class Outcome(Params):
    """The status that a payment gets."""

    status: str
    method: str | None = None
    reason: str | None = None


def _outcome(call: Call, payment_id: str, given: Json) -> Json:
    request = read(Outcome, given, query=False)
    payment = call.load("payment", payment_id)
    move(call, payment, request.status, method=request.method, reason=request.reason)
    return view(call, payment)


def _refund(call: Call, payment_id: str, given: Json) -> Json:
    payment = call.load("payment", payment_id)
    everything = {"amount": payment.get("amountRemaining", payment["amount"])}
    params = read(refunds.CreateRefund, everything | given, query=False)
    return view(call, refunds.start_refund(call, payment, params))


def _capture(call: Call, payment_id: str, given: Json) -> Json:
    params = read(captures.CreateCapture, given, query=False)
    return view(call, captures.start_capture(call, call.load("payment", payment_id), params))


def _release(call: Call, payment_id: str, _: Json) -> Json:
    return view(call, captures.release_rest(call, call.load("payment", payment_id)))


def _chargeback(call: Call, payment_id: str, given: Json) -> Json:
    params = read(chargebacks.ChargebackRequest, given, query=False)
    return view(call, chargebacks.create_chargeback(call, call.load("payment", payment_id), params))


def _reverse(call: Call, chargeback_id: str, _: Json) -> Json:
    return view(call, chargebacks.reverse_chargeback(call, call.load("chargeback", chargeback_id)))


def _rotate(call: Call, webhook_id: str, _: Json) -> Json:
    return webhooks.rotate(call, webhook_id)


ACTS: Mapping[str, Act] = {
    "/payments/{id}/outcome": _outcome,
    "/payments/{id}/capture": _capture,
    "/payments/{id}/release": _release,
    "/payments/{id}/refund": _refund,
    "/payments/{id}/chargeback": _chargeback,
    "/chargebacks/{id}/reverse": _reverse,
    "/webhooks/{id}/rotate": _rotate,
}
