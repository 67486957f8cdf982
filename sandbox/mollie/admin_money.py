"""What the admin API does to one payment, refund or webhook, beyond what the API can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.mollie.call import Call
from sandbox.mollie.params import Params, read
from sandbox.mollie.settling import move
from sandbox.mollie.views import view
from sandbox.store import Json

Act = Callable[[Call, str, Json], Json]


class Outcome(Params):
    """What becomes of a payment."""

    status: str
    method: str | None = None
    reason: str | None = None


def _outcome(call: Call, payment_id: str, given: Json) -> Json:
    wanted = read(Outcome, given, query=False)
    payment = call.load("payment", payment_id)
    move(call, payment, wanted.status, method=wanted.method, reason=wanted.reason)
    return view(call, payment)


ACTS: Mapping[str, Act] = {
    "/payments/{id}/outcome": _outcome,
}
