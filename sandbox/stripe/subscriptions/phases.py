"""Transitions between phases of a schedule."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.common.store import Json
from sandbox.stripe.core import agenda
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.updates import merged_metadata
from sandbox.stripe.core.views import view
from sandbox.stripe.subscription_state.changes import items_of
from sandbox.stripe.subscriptions.given_discounts import given_discounts
from sandbox.stripe.subscriptions.item_changes import Wanted
from sandbox.stripe.subscriptions.params import Discount

PHASE_ENDS = "schedule.phase_ends"


def follow(call: Call, schedule: Json) -> None:
    """Schedules the end of the current phase on the agenda."""
    if schedule["status"] == "active":
        at = schedule["current_phase"]["end_date"]
        agenda.plan(call, at=at, kind=PHASE_ENDS, object_id=schedule["id"])
    else:
        agenda.cancel(call, object_id=schedule["id"], kind=PHASE_ENDS)


def ending(call: Call, subscription: Json) -> Json | None:
    """Returns the subscription's schedule if its current phase ends now."""
    schedule = call.find("subscription_schedule", subscription["schedule"])
    if schedule is None or schedule["status"] != "active":
        return None
    return schedule if schedule["current_phase"]["end_date"] <= call.now else None


def next_phase(call: Call, schedule: Json) -> Json | None:
    """Returns the phase that contains the current time, or None after the last."""
    for phase in schedule["phases"]:
        if phase["start_date"] <= call.now < phase["end_date"]:
            found: Json = phase
            return found
    return None


def enter(call: Call, subscription: Json, schedule: Json, phase: Json) -> list[Wanted]:
    """Sets the current phase; returns the item changes that it requires."""
    current = {"start_date": phase["start_date"], "end_date": phase["end_date"]}
    call.change(schedule, {"current_phase": current}, "subscription_schedule.updated")
    follow(call, schedule)
    subscription["metadata"] = merged_metadata(subscription["metadata"], phase["metadata"])
    return apply_phase(call, subscription, phase)


def apply_phase(call: Call, subscription: Json, phase: Json) -> list[Wanted]:
    """Sets a phase's discounts; returns the item changes that it requires."""
    given = _lasting(call, phase["discounts"], subscription["discounts"])
    subscription["discounts"] = given_discounts(call, subscription, given)
    return _wanted_by(call, subscription, phase)


def _wanted_by(call: Call, subscription: Json, phase: Json) -> list[Wanted]:
    """Returns a phase's item changes: items with an equal price stay, others change in order."""
    present = items_of(call, subscription)
    by_price = {item["price"]["id"]: item for item in present}
    items = phase["items"]
    kept = {one["price"] for one in items} & by_price.keys()
    free = [item for item in present if item["price"]["id"] not in kept]
    wanted = []
    for one in items:
        fields = {name: one[name] for name in ("quantity", "tax_rates") if one[name] is not None}
        if one["metadata"]:
            fields["metadata"] = one["metadata"]
        item, price = by_price.get(one["price"]), None
        if item is None:
            item = free.pop(0) if free else None
            price = view(call, call.load("price", one["price"]))
        known = [] if item is None else item["discounts"]
        discounts = _lasting(call, one["discounts"], known)
        wanted.append(Wanted(item, price, fields=fields, discounts=discounts))
    return wanted + [Wanted(item, deleted=True) for item in free]


def _lasting(call: Call, entries: Sequence[Json], known: Sequence[str]) -> list[Discount]:
    """Returns a phase's discounts without those that ended; a known one of the coupon is kept."""
    by_coupon = {call.load("discount", one)["source"]["coupon"]: one for one in known}
    found = []
    for entry in entries:
        discount = entry["discount"] or by_coupon.get(entry["coupon"])
        if discount in known:
            found.append(Discount(discount=discount))
        elif entry["coupon"] is not None:
            found.append(Discount(coupon=entry["coupon"]))
    return found


def release(call: Call, subscription: Json, schedule: Json) -> None:
    """Releases the subscription from its schedule."""
    changes: Json = {
        "current_phase": None,
        "released_at": call.now,
        "released_subscription": subscription["id"],
        "status": "released",
        "subscription": None,
    }
    subscription["schedule"] = None
    call.change(schedule, changes, "subscription_schedule.released")
    follow(call, schedule)


def complete(call: Call, schedule: Json) -> None:
    """Completes a schedule that ends together with its subscription."""
    changes: Json = {"completed_at": call.now, "current_phase": None, "status": "completed"}
    call.change(schedule, changes, "subscription_schedule.completed")
    follow(call, schedule)
