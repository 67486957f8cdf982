"""A subscription's periods: the one that begins, and beginning anew at another time."""

from __future__ import annotations

from sandbox.store import Json
from sandbox.stripe.call import Call
from sandbox.stripe.recurrence import period_at
from sandbox.stripe.subscription_changes import items_of


def present_period(call: Call, subscription: Json) -> tuple[int, int]:
    """Returns start and end of the period that the subscription is in."""
    item = items_of(call, subscription)[0]
    return item["current_period_start"], item["current_period_end"]


def set_period(call: Call, subscription: Json, start: int, end: int) -> None:
    """Gives all items a period."""
    for item in items_of(call, subscription):
        call.put(item | {"current_period_start": start, "current_period_end": end})


def next_period(call: Call, subscription: Json) -> None:
    """Moves the items to the period that begins now, counted from the anchor.

    Items that are charged at another interval than before begin a cycle of their own.
    """
    recurring = items_of(call, subscription)[0]["price"]["recurring"]
    start, end = period_at(subscription["billing_cycle_anchor"], recurring, call.now)
    if start != call.now:
        restart(call, subscription)
    else:
        set_period(call, subscription, start, end)


def restart(call: Call, subscription: Json) -> None:
    """Lets a new cycle begin now."""
    recurring = items_of(call, subscription)[0]["price"]["recurring"]
    subscription["billing_cycle_anchor"] = call.now
    set_period(call, subscription, *period_at(call.now, recurring, call.now))
