"""Each change of a subscription sends webhooks that carry its state at that time."""

from __future__ import annotations

from typing import Any

import stripe

from tests.sandbox.stripe.shop import Shop
from tests.sandbox.stripe.subscription_helpers import DAY_S, Club, items_of, moment, period_of
from tests.sandbox.webhook_receiver import Sink
from tests.support.sandbox import wait_for

EXPECTED = {
    "coupon.created",
    "customer.discount.created",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "customer.subscription.updated",
    "invoice.created",
    "invoice.finalized",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.upcoming",
    "invoice.updated",
    "invoice.voided",
    "invoiceitem.created",
    "subscription_schedule.created",
    "subscription_schedule.released",
    "subscription_schedule.updated",
}


def test_webhooks_report_a_whole_life(shop: Shop, sink: Sink) -> None:
    club = Club(shop)
    endpoint = club.stripe.webhook_endpoints.create({"url": sink.url, "enabled_events": ["*"]})
    made = _through_trial_and_change(club)
    _through_schedule(club, made)
    _through_failure_and_pause(club, made)
    expired = club.member(card="pm_card_chargeDeclined")
    club.later(DAY_S)
    assert club.now(expired).status == "incomplete_expired"
    club.stripe.subscriptions.cancel(made.id)

    def all_delivered() -> bool:
        return all(item["state"] == "delivered" for item in club.admin.deliveries())

    wait_for(all_delivered)
    events = [delivery.event(str(endpoint.secret)) for delivery in sink.received]
    assert {event.type for event in events} >= EXPECTED
    _check_times(events, made)


def _through_trial_and_change(club: Club) -> stripe.Subscription:
    coupon = club.stripe.coupons.create({"percent_off": 10, "duration": "forever"})
    made = club.member(trial_period_days=7, discounts=[{"coupon": coupon.id}])
    club.go_to(moment(2027, 1, 25))
    items: Any = [{"id": items_of(made)[0].id, "quantity": 2}]
    club.stripe.subscriptions.update(made.id, {"items": items})
    club.go_to(moment(2027, 2, 23))
    return made


def _through_schedule(club: Club, made: stripe.Subscription) -> None:
    schedule = club.stripe.subscription_schedules.create({"from_subscription": made.id})
    start, end = period_of(club.now(made))
    phases: Any = [
        {"items": [{"price": items_of(made)[0].price.id}], "start_date": start, "end_date": end},
        {"items": [{"price": club.plan(3000)}]},
    ]
    club.stripe.subscription_schedules.update(schedule.id, {"phases": phases})
    club.go_to(end + 3600)
    club.stripe.subscription_schedules.release(schedule.id)


def _through_failure_and_pause(club: Club, made: stripe.Subscription) -> None:
    club.new_card(str(made.customer), "pm_card_chargeDeclined")
    club.later(31 * DAY_S)
    assert club.now(made).status == "past_due"
    club.new_card(str(made.customer))
    club.stripe.invoices.pay(str(club.now(made).latest_invoice))
    club.stripe.subscriptions.pause(made.id)
    club.later(10 * DAY_S)
    success: Any = {"payment_behavior": "resume_on_payment_success"}
    assert club.stripe.subscriptions.resume(made.id, success).status == "active"


def _check_times(events: list[stripe.Event], made: stripe.Subscription) -> None:
    """Each event bears the time at which it happened, not the one the clock was moved to."""
    renewed = [
        event
        for event in events
        if event.type == "invoice.created" and event.data.object["parent"] is not None
    ]
    assert moment(2027, 2, 22) in {event.created for event in renewed}
    for event in renewed:
        assert event.created == event.data.object["created"]
    created = [event for event in events if event.type == "customer.subscription.created"]
    assert made.id in {event.data.object["id"] for event in created}
