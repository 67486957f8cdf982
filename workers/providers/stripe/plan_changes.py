"""Write the parameters that change a subscription's items, now or with its next period."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.gateway.subscriptions import ProviderSubscription
from workers.providers.stripe import objects

Json = dict[str, Any]
Items = Sequence[tuple[str, int]]
"""Prices and quantities."""


def phases_of(known: ProviderSubscription, schedule: Json, items: Items) -> list[Json]:
    """Return the rest of the period as it is, and a phase with other items after it."""
    present = _present_phase(schedule)
    kept = _kept(present)
    starts_at = min(present["end_date"], known.period_end or present["end_date"])
    current: Json = {
        "items": [
            {"price": objects.id_of(one["price"]), **_quantity(one.get("quantity")), **_kept(one)}
            for one in present["items"]
        ],
        "start_date": present["start_date"],
        "end_date": starts_at,
        **kept,
    }
    trial_end = present.get("trial_end")
    if trial_end is not None and trial_end > present["start_date"]:
        # An update that omits it ends the trial.
        current["trial_end"] = min(trial_end, starts_at)
    usage_based = _usage_based(known)
    kept_by_price = {objects.id_of(one["price"]): _kept(one) for one in present["items"]}
    then: Json = {
        "items": [
            {
                "price": price,
                **_quantity(None if price in usage_based else quantity),
                **kept_by_price.get(price, {}),
            }
            for price, quantity in items
        ],
        "proration_behavior": "none",
        **kept,
    }
    if known.cancel_at is not None:
        then["end_date"] = known.cancel_at
    return [current, then]


def _quantity(quantity: int | None) -> Json:
    """Return the parameter of a quantity; prices billed by usage have none, and 0 is one."""
    return {} if quantity is None else {"quantity": quantity}


def _usage_based(known: ProviderSubscription) -> set[str]:
    return {item.price for item in known.items if item.is_usage_based}


def _present_phase(schedule: Json) -> Json:
    """Find the current phase; earlier ones stay in a schedule's list."""
    phases: list[Json] = schedule["phases"]
    begun = (schedule.get("current_phase") or phases[0])["start_date"]
    return next(phase for phase in phases if phase["start_date"] == begun)


def _kept(of: Json) -> Json:
    """Return the taxes and discounts of a phase or an item: an update drops those it omits."""
    kept: Json = {
        name: [objects.id_of(rate) for rate in of[name]]
        for name in ("default_tax_rates", "tax_rates")
        if of.get(name)
    }
    if of.get("discounts"):
        kept["discounts"] = [_discount(entry) for entry in of["discounts"]]
    return kept


def _discount(entry: Json) -> Json:
    """Return a discount in the form of a request: an existing discount, or a coupon."""
    kinds = ("discount", "promotion_code", "coupon")
    kind = next(kind for kind in kinds if entry.get(kind) is not None)
    return {kind: objects.id_of(entry[kind])}


def has_items(known: ProviderSubscription, items: Items) -> bool:
    """Return whether a subscription has these items; a quantity of usage counts for nothing."""
    usage_based = _usage_based(known)
    there = sorted(
        (item.price, 0 if item.is_usage_based else item.quantity or 0) for item in known.items
    )
    return there == sorted(
        (price, 0 if price in usage_based else quantity) for price, quantity in items
    )


def replaced_items(known: ProviderSubscription, items: Items) -> list[Json]:
    """Set the new prices on existing items, the same price first; add or delete the difference.

    An item billed by usage keeps its id with its price: another price would lose what was used.
    """
    free = {item.id: item for item in known.items}
    wanted: list[Json] = []
    for price, quantity in items:
        same = next((item for item in free.values() if item.price == price), None)
        entry: Json = {"price": price}
        if same is not None:
            entry["id"] = free.pop(same.id).id
        if same is None or not same.is_usage_based:
            entry["quantity"] = quantity
        wanted.append(entry)
    for entry in wanted:
        other = next((item for item in free.values() if not item.is_usage_based), None)
        if "id" not in entry and other is not None:
            entry["id"] = free.pop(other.id).id
    return wanted + [{"id": item, "deleted": True} for item in free]
