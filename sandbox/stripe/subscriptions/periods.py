"""Billing periods of subscriptions."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.catalogue.recurrence import period_at
from sandbox.stripe.core.call import Call
from sandbox.stripe.subscription_state.changes import items_of


def present_period(call: Call, subscription: Json) -> tuple[int, int]:
    """Returns the start and end of the current period."""
    item = items_of(call, subscription)[0]
    return item["current_period_start"], item["current_period_end"]


def set_period(call: Call, subscription: Json, start: int, end: int) -> None:
    """Sets the period of all items."""
    for item in items_of(call, subscription):
        call.put(item | {"current_period_start": start, "current_period_end": end})


def next_period(call: Call, subscription: Json) -> None:
    """Moves the items to the next period, counted from the anchor."""
    recurring = items_of(call, subscription)[0]["price"]["recurring"]
    begins = present_period(call, subscription)[1]
    end = period_at(subscription["billing_cycle_anchor"], recurring, begins)[1]
    set_period(call, subscription, begins, end)


def restart(call: Call, subscription: Json) -> None:
    """Starts a new billing cycle now."""
    recurring = items_of(call, subscription)[0]["price"]["recurring"]
    subscription["billing_cycle_anchor"] = call.now
    set_period(call, subscription, *period_at(call.now, recurring, call.now))


def start_trial(call: Call, subscription: Json, end: int) -> None:
    """Starts a trial now; the billing cycle begins with its end."""
    subscription |= {
        "status": "trialing",
        "trial_start": call.now,
        "trial_end": end,
        "billing_cycle_anchor": end,
    }
    set_period(call, subscription, call.now, end)
