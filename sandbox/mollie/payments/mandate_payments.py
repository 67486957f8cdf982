"""Recurring payments, charged with a mandate and without a checkout page."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.mollie.core import agenda
from sandbox.mollie.core.call import Call
from sandbox.mollie.payments.status import finish


def start(call: Call, payment: Json) -> Json:
    """Starts a recurring payment; its final status is determined now."""
    debit = payment["method"] == "directdebit"
    delay_s = call.settings.debit_delay_s if debit else call.settings.card_delay_s
    call.change(payment, status="pending", _outcome=call.take_outcome(call.account))
    if delay_s:
        agenda.plan(call, "payment.settle", payment["id"], at=call.now + delay_s)
        return payment
    finish(call, payment["id"])
    return call.load("payment", payment["id"])
