"""Changes of subscription items: prorations, and a new billing cycle where needed.

A change inside the period keeps the billing cycle; a price with another interval starts a new cycle
now, which is billed at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sandbox.common.store import Json
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.core.price_amounts import is_metered
from sandbox.stripe.subscription_state.changes import items_of
from sandbox.stripe.subscriptions.given_discounts import given_discounts
from sandbox.stripe.subscriptions.item_prices import recurrence, rhythm
from sandbox.stripe.subscriptions.lines import charge_rest, credit_unused, net_prices
from sandbox.stripe.subscriptions.params import Discount
from sandbox.stripe.subscriptions.periods import restart
from sandbox.stripe.subscriptions.subscription_object import new_item, priced

PRORATED = frozenset({"active", "past_due"})


@dataclass(frozen=True)
class Wanted:
    """The wanted state of an item. ``item``: the item to change, None to add one.

    ``price``, ``discounts`` and ``fields`` (quantity, metadata, tax_rates) are set if given.
    """

    item: Json | None = None
    price: Json | None = None
    deleted: bool = False
    fields: Json = field(default_factory=dict)
    discounts: Sequence[Discount] | None = None


def change_items(
    call: Call,
    subscription: Json,
    wanted: Sequence[Wanted],
    *,
    prorates: bool,
    at: int,
    anew: bool = False,
) -> bool:
    """Changes, adds and deletes items. Returns whether a new cycle began, which the caller bills.

    ``at``: the effective time of the change. ``restarts``: a new cycle begins in any case.
    """
    before = items_of(call, subscription)
    changed = [_apply(call, subscription, one, before[0]) for one in wanted]
    after = items_of(call, subscription)
    if not after:
        raise InvalidRequest("A subscription must have at least one active plan.", param="items")
    recurrence([item["price"] for item in after])
    trial = subscription["status"] == "trialing"
    anew = anew or (not trial and rhythm(after[0]["price"]) != rhythm(before[0]["price"]))
    touched = {item["id"] for item in changed if item is not None}
    prorates = prorates and subscription["status"] in PRORATED
    if prorates:
        for item in before:
            if anew or item["id"] in touched:
                credit_unused(call, subscription["customer"], item, at=at)
    if anew:
        restart(call, subscription)
    elif prorates:
        net = net_prices(call, subscription)
        for item in after:
            if item["id"] in touched:
                customer, net_price = subscription["customer"], net[item["id"]]
                charge_rest(call, customer, item, at=at, net_price=net_price)
    return anew


def _apply(call: Call, subscription: Json, wanted: Wanted, sibling: Json) -> Json | None:
    """Stores the wanted state of an item; returns the item if its cost changed."""
    if wanted.item is None:
        if wanted.price is None:
            raise InvalidRequest("An item to add needs a price.", param="items")
        item = new_item(call, subscription, wanted.price, quantity=1) | wanted.fields
        item |= {name: sibling[name] for name in ("current_period_start", "current_period_end")}
        _apply_discounts(call, subscription, item, wanted)
        return call.put(item)
    item = wanted.item
    if wanted.deleted:
        call.drop(item)
        return item
    costs = _costs(item)
    if wanted.price is not None:
        item |= priced(wanted.price)
        metered = is_metered(wanted.price)
        item["quantity"] = None if metered else 1 if item["quantity"] is None else item["quantity"]
    item |= wanted.fields
    _apply_discounts(call, subscription, item, wanted)
    call.put(item)
    return item if costs != _costs(item) else None


def _costs(item: Json) -> tuple[object, ...]:
    return item["price"]["id"], item["quantity"], item["discounts"]


def _apply_discounts(call: Call, subscription: Json, item: Json, wanted: Wanted) -> None:
    if wanted.discounts is not None:
        given, where = wanted.discounts, "items[][discounts]"
        item["discounts"] = given_discounts(call, subscription, given, item=item, where=where)
