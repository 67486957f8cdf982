"""A change counts when it was made, also where its webhook came days later and was fetched."""

from __future__ import annotations

from typing import Any, cast

from domain.core.calendar import to_unix
from domain.subscriptions.events import SubscriptionEvent
from eventlog.codec import Codec
from projections.reports.recurring_movements import Movement
from projections.subscriptions.projector import SubscriptionAccumulator
from tests.workers.stripe_harness import Bench
from tests.workers.subscriptions.test_monthly_amounts import add_price, view_of

DAY_S = 86400


def movements(bench: Bench, view: Any) -> list[Movement]:
    """Return the movements of a subscription's recurring revenue, by its events."""
    codec, accumulated, moved = Codec(), SubscriptionAccumulator(), list[Movement]()
    for entry in bench.log.stream(view.id):
        event = cast("SubscriptionEvent", codec.decode(entry.stored()))
        moved += accumulated.take(event, position=entry.position)
    return moved


def test_a_change_that_is_fetched_late_counts_when_its_event_was(bench: Bench) -> None:
    v1, admin = bench.account.v1, bench.account.admin
    coupon = v1.coupons.create({"percent_off": 10, "duration": "forever"}).id
    price = add_price(bench, unit_amount=1000)
    view = view_of(bench, {"price": price, "quantity": 1}, discounts=[{"coupon": coupon}])
    subscription = view.provider_subscription_id

    admin.set_clock(advance_s=DAY_S)
    item: Any = v1.subscription_items.list({"subscription": subscription}).data[0].id
    v1.subscriptions.update(subscription, {"items": [{"id": item, "quantity": 3}]})
    changed_at = int(admin.clock()["now"])
    admin.set_clock(advance_s=5 * DAY_S)
    bench.deliver("customer.subscription.")

    began, changed = movements(bench, view)
    assert (began.kind, began.amount_minor) == ("new", 900)
    assert (changed.kind, changed.amount_minor) == ("expansion", 1800)
    assert abs((to_unix(changed.moved_at) or 0) - changed_at) <= 2
