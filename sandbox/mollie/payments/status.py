"""Status transitions of a payment, caused by a payer, the clock or the admin API."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.mollie.core import agenda, ledger, method_details, times
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.errors import Unprocessable
from sandbox.mollie.core.method_table import DAY_S, HOUR_S, METHODS, allows
from sandbox.mollie.core.money import captured, minor, shown
from sandbox.mollie.mandates.mandates import create_from_payment
from sandbox.mollie.subscription_state import status as subscription_status
from sandbox.mollie.webhooks.deliveries import notify

# Allowed next statuses by status. The others are final.
FOLLOWS = {
    "open": ("paid", "authorized", "pending", "failed", "canceled", "expired"),
    "pending": ("paid", "failed", "canceled", "expired"),
    "authorized": ("paid", "canceled", "expired"),
}


def methods_of(payment: Json) -> list[str]:
    """Returns the methods still available for a payment."""
    if payment["method"]:
        return [payment["method"]]
    wanted = payment["_methods"] or list(METHODS)
    amount = payment["amount"]
    return [
        name
        for name in wanted
        if (METHODS[name].hold_s is not None or payment.get("captureMode") != "manual")
        and allows(
            name,
            currency=amount["currency"],
            amount_minor=minor(amount),
            sequence=payment["sequenceType"],
        )
    ]


def choices(payment: Json, method: str) -> list[str]:
    """Returns the statuses that a payment can get with a method."""
    found = list(FOLLOWS.get(payment["status"], ()))
    if payment["status"] == "open":
        traits = METHODS[method]
        delayed = traits.hold_s is not None and payment.get("captureDelay") is not None
        two_steps = traits.authorizes or delayed or payment.get("captureMode") == "manual"
        found.remove("paid" if two_steps else "authorized")
    return found


def move(
    call: Call,
    payment: Json,
    status: str,
    *,
    method: str | None = None,
    reason: str | None = None,
) -> Json:
    """Sets a payment's status with its consequences, and sends webhooks.

    Raises Unprocessable if the payment cannot get the status or the method.
    """
    allowed = methods_of(payment)
    chosen = method or (allowed[0] if allowed else None)
    if chosen not in allowed:
        raise Unprocessable("The payment cannot be made with this method", field="method")
    if status not in choices(payment, chosen):
        raise Unprocessable(f"The payment is {payment['status']}", field="status")
    agenda.cancel(call, "payment.expire", payment["id"])
    agenda.cancel(call, "payment.settle", payment["id"])
    # A payment without a chosen method stays without one when it expires or is canceled.
    if status not in {"expired", "canceled"} or method:
        payment["method"] = chosen
    if status != "pending":
        payment[f"{status}At"] = times.shown(call.now)
    payment["status"] = status
    _STEPS.get(status, _nothing)(call, payment, reason)
    call.put(payment)
    subscription_status.count_result(call, payment)
    notify(call, f"payment.{status}", payment)
    return payment


def expire(call: Call, payment_id: str) -> None:
    """Expires an open payment, or releases what was never captured of an authorized one."""
    payment = call.load("payment", payment_id)
    if payment["status"] == "authorized" and captured(payment):
        move(call, payment, "paid", method=payment["method"])
    elif "expired" in FOLLOWS.get(payment["status"], ()):
        move(call, payment, "expired", method=payment["method"])


def finish(call: Call, payment_id: str) -> None:
    """Finishes a pending recurring payment with the status determined at its start."""
    payment = call.load("payment", payment_id)
    if payment["status"] == "pending":
        move(call, payment, payment["_outcome"], reason=call.settings.failure_reason)


def _paid(call: Call, payment: Json, _: str | None) -> None:
    payment["details"] = method_details.when_paid(call, payment)
    _leave_mandate(call, payment)
    taken = payment.get("amountCaptured")
    if taken is not None and minor(taken):
        # Each capture was recorded in the ledger when it succeeded.
        return
    if taken is not None:
        payment["amountCaptured"] = payment["amount"]
    payment["amountRemaining"] = payment["amount"]
    ledger.write(call, "payment", payment, amount=payment["amount"], entity=payment["id"])


def _authorized(call: Call, payment: Json, _: str | None) -> None:
    payment["details"] = method_details.when_paid(call, payment)
    lapses = call.now + (METHODS[payment["method"]].hold_s or 0)
    payment["captureBefore"] = times.shown(lapses)
    payment["amountCaptured"] = shown(0, payment["amount"]["currency"])
    _leave_mandate(call, payment)
    agenda.plan(call, "payment.expire", payment["id"], at=lapses)
    delay = payment.get("captureDelay")
    if delay is not None:
        agenda.plan(call, "payment.capture", payment["id"], at=call.now + delay_s(delay))


def delay_s(delay: str) -> int:
    """Returns the seconds of a ``captureDelay`` such as ``8 hours`` or ``2 days``."""
    count, unit = delay.split(" ")
    return int(count) * (DAY_S if unit.startswith("day") else HOUR_S)


def _leave_mandate(call: Call, payment: Json) -> None:
    if payment["sequenceType"] == "first" and not payment.get("mandateId"):
        payment["mandateId"] = create_from_payment(call, payment)["id"]


def _failed(call: Call, payment: Json, reason: str | None) -> None:
    reason = reason or call.settings.failure_reason
    payment["details"] = method_details.when_failed(payment, reason)
    words = method_details.WORDS.get(reason, "The payment has failed")
    payment["statusReason"] = {"code": reason, "message": words}


def _nothing(_: Call, __: Json, ___: str | None) -> None:
    """Does nothing: the status has no consequences."""


_STEPS = {"paid": _paid, "authorized": _authorized, "failed": _failed}
