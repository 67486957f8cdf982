"""Storage of subscription changes, with events and agenda entries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

from sandbox.common.store import Json
from sandbox.stripe.core.call import Call, difference
from sandbox.stripe.core.views import view
from sandbox.stripe.subscription_state import timetable

# Statuses of subscriptions that renew at the end of a period.
RENEWING = frozenset({"active", "past_due", "trialing", "unpaid"})
ENDED = frozenset({"canceled", "incomplete_expired"})


def items_of(call: Call, subscription: Json) -> list[Json]:
    """Returns a subscription's items in the order in which they were added."""
    return call.all("subscription_item", owner=subscription["id"])


@contextmanager
def changing(call: Call, subscription: Json, *also: str) -> Iterator[None]:
    """Stores the changes made in the block, and emits events if visible fields changed.

    ``also`` names further events. Code in the block must not store the subscription otherwise.
    """
    before = deepcopy(view(call, subscription))
    yield
    store(call, subscription)
    after = view(call, subscription)
    for event in also:
        call.emit(event, after)
    if previous := difference(before, after):
        call.emit("customer.subscription.updated", after, previous=previous)


def created(call: Call, subscription: Json) -> None:
    """Stores a new subscription and emits ``customer.subscription.created``."""
    store(call, subscription)
    call.emit("customer.subscription.created", subscription)


def store(call: Call, subscription: Json) -> None:
    """Stores a subscription and updates its agenda entries and ``cancel_at``."""
    items = items_of(call, subscription)
    if subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = items[0]["current_period_end"]
    subscription["_prices"] = ",".join(item["price"]["id"] for item in items)
    call.put(subscription)
    timetable.update_agenda(call, subscription, items)
