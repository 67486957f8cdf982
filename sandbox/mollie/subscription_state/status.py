"""Status of a subscription, as a consequence of its payments and mandate."""

from __future__ import annotations

from datetime import date

from sandbox.common.store import Json
from sandbox.mollie.core import agenda, times
from sandbox.mollie.core.call import Call


def count_result(call: Call, payment: Json) -> None:
    """Counts failed renewals; too many in a row suspend the subscription."""
    subscription = call.find("subscription", payment.get("subscriptionId"))
    if subscription is None or payment["status"] not in {"paid", "failed"}:
        return
    failures = 0 if payment["status"] == "paid" else subscription["_failures"] + 1
    call.change(subscription, _failures=failures)
    if 0 < call.settings.suspend_after <= failures:
        suspend(call, subscription)


def suspend(call: Call, subscription: Json) -> None:
    """Suspends a subscription's renewals until it gets a valid mandate."""
    if subscription["status"] in {"pending", "active"}:
        agenda.cancel(call, "subscription.charge", subscription["id"])
        call.change(subscription, status="suspended")


def activate(call: Call, subscription: Json) -> None:
    """Activates a subscription whose mandate became valid; overdue payments are charged."""
    if subscription["status"] in {"pending", "suspended"}:
        call.change(subscription, status="active", _failures=0)
        schedule(call, subscription)


def schedule(call: Call, subscription: Json) -> None:
    """Sets the date of the next payment and schedules it."""
    first = date.fromisoformat(subscription["_anchor"])
    day = times.after(first, subscription["interval"], times=subscription["_count"])
    call.change(subscription, nextPaymentDate=day.isoformat())
    if subscription["status"] == "active":
        at = times.start_of(day)
        agenda.plan(call, "subscription.charge", subscription["id"], at=at)


def end(call: Call, subscription: Json, status: str) -> None:
    """Ends a subscription: completed or canceled."""
    agenda.cancel(call, "subscription.charge", subscription["id"])
    subscription.pop("nextPaymentDate", None)
    if status == "canceled":
        subscription["canceledAt"] = times.shown(call.now)
    call.change(subscription, status=status)
