"""Test successive changes of a subscription, and changes at the period's end."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from domain.core.calendar import from_unix
from domain.subscriptions.commands import CancelSubscription, ChangeSubscription
from domain.subscriptions.items import RequestedPrice, ScheduledItem
from domain.subscriptions.view import SubscriptionView
from tests.workers.stripe_harness import Bench
from tests.workers.subscriptions.test_stripe_subscriptions import (
    change_subscription,
    monthly,
    subscribed,
)


def change(bench: Bench, invoice_id: UUID, price: str, *, at_period_end: bool) -> SubscriptionView:
    lines = [RequestedPrice(price, 1)]
    kind: Any = ChangeSubscription
    return change_subscription(
        bench, invoice_id, kind, at_period_end=at_period_end, lines=lines
    ).view


def cancel(bench: Bench, invoice_id: UUID, *, at_period_end: bool) -> SubscriptionView:
    return change_subscription(
        bench, invoice_id, CancelSubscription, at_period_end=at_period_end
    ).view


def renewals(bench: Bench, invoice_id: UUID, *, months: int) -> list[int]:
    """Advance some months; return the totals of all invoices, oldest first."""
    for _ in range(months):
        bench.account.admin.set_clock(advance_s=31 * 86400)
        for event in bench.events("customer.subscription."):
            received = bench.receive(event)
            bench.apply(received)
            bench.fetch(received)
    named = bench.invoice(invoice_id).view.subscription_id or ""
    listed = bench.account.v1.invoices.list({"subscription": named, "limit": 100}).data
    return [invoice.total for invoice in reversed(listed)]


def test_a_change_that_waits_is_called_off_by_an_end_with_the_period(bench: Bench) -> None:
    invoice_id = subscribed(bench)
    assert change(bench, invoice_id, monthly(bench, 2999), at_period_end=True).scheduled
    ending = cancel(bench, invoice_id, at_period_end=True)
    assert (ending.failure, ending.cancel_at) == (None, ending.period_end)
    assert ending.scheduled is None
    assert renewals(bench, invoice_id, months=2) == [1999]
    assert bench.subscription(invoice_id).view.status == "canceled"


def test_a_change_that_waits_is_called_off_by_a_change_now(bench: Bench) -> None:
    invoice_id = subscribed(bench)
    cheaper = monthly(bench, 999)
    change(bench, invoice_id, cheaper, at_period_end=True)
    changed = change(bench, invoice_id, monthly(bench, 1999), at_period_end=False)
    assert (changed.scheduled, changed.monthly_minor) == (None, 1999)
    assert renewals(bench, invoice_id, months=2)[1:] == [1999, 1999]


def test_another_change_can_be_scheduled_after_one_was_applied(bench: Bench) -> None:
    invoice_id = subscribed(bench)
    change(bench, invoice_id, monthly(bench, 2999), at_period_end=True)
    assert renewals(bench, invoice_id, months=1) == [1999, 2999]
    after = bench.subscription(invoice_id).view
    assert (after.scheduled, after.monthly_minor) == (None, 2999)
    again = change(bench, invoice_id, monthly(bench, 4999), at_period_end=True)
    assert (again.failure, again.monthly_minor) == (None, 2999)
    assert again.scheduled is not None
    assert renewals(bench, invoice_id, months=2) == [1999, 2999, 4999, 4999]


def test_another_change_replaces_a_scheduled_one(bench: Bench) -> None:
    invoice_id = subscribed(bench)
    change(bench, invoice_id, monthly(bench, 2999), at_period_end=True)
    again = change(bench, invoice_id, monthly(bench, 4999), at_period_end=True)
    assert again.failure is None
    assert renewals(bench, invoice_id, months=1) == [1999, 4999]


def test_taxes_outlast_a_change_at_the_period_s_end(bench: Bench) -> None:
    invoice_id = subscribed(bench, tax_rate_id=bench.account.tax_rate)
    change(bench, invoice_id, monthly(bench, 3000), at_period_end=True)
    assert renewals(bench, invoice_id, months=1) == [2419, 3630]


def test_a_trial_and_discounts_outlast_a_scheduled_change(bench: Bench) -> None:
    invoice_id = subscribed(bench)
    v1: Any = bench.account.v1
    kind: Any = ChangeSubscription
    named = bench.invoice(invoice_id).view.subscription_id or ""
    off: Any = {"duration": "forever", "amount_off": 500, "currency": "eur"}
    half: Any = {"duration": "forever", "percent_off": 50}
    (item,) = v1.subscriptions.retrieve(named)["items"].data
    discounted: Any = {
        "discounts": [{"coupon": v1.coupons.create(half).id}],
        "items": [{"id": item.id, "discounts": [{"coupon": v1.coupons.create(off).id}]}],
        "trial_end": item.current_period_start + 7 * 86400,
        "proration_behavior": "none",
    }
    v1.subscriptions.update(named, discounted)
    lines = [RequestedPrice(item.price.id, 2)]
    trial = change_subscription(bench, invoice_id, kind, at_period_end=True, lines=lines).view
    assert (trial.failure, trial.status, trial.monthly_minor) == (None, "trialing", 749)
    assert renewals(bench, invoice_id, months=1) == [1999, 0, 1749]
    after = bench.subscription(invoice_id).view
    assert (after.status, after.monthly_minor) == ("active", 1749)


def test_a_paused_one_earns_nothing_until_it_goes_on(bench: Bench) -> None:
    invoice_id = subscribed(bench)
    named = bench.invoice(invoice_id).view.subscription_id or ""
    pause: Any = {"pause_collection": {"behavior": "void"}}
    bench.account.v1.subscriptions.update(named, pause)
    assert renewals(bench, invoice_id, months=1) == [1999, 1999]
    paused = bench.subscription(invoice_id).view
    assert (paused.status, paused.recurring_minor) == ("paused", 0)
    go_on: Any = {"pause_collection": ""}
    bench.account.v1.subscriptions.update(named, go_on)
    renewals(bench, invoice_id, months=1)
    assert bench.subscription(invoice_id).view.recurring_minor == 1999
    assert bench.account.charged() == [1999, 1999]


def test_a_change_with_the_next_period_is_refused_for_one_that_ends_with_its_period(
    bench: Bench,
) -> None:
    invoice_id = subscribed(bench)
    ending = cancel(bench, invoice_id, at_period_end=True)

    refused = change(bench, invoice_id, monthly(bench, 2999), at_period_end=True)

    assert refused.failure is not None
    assert (refused.failure.code, refused.failure.path) == ("ending", "when")
    assert (refused.cancel_at, refused.scheduled) == (ending.period_end, None)
    assert renewals(bench, invoice_id, months=2) == [1999]
    assert bench.subscription(invoice_id).view.status == "canceled"


def put_under_schedule(bench: Bench, invoice_id: UUID, price: str, *, end_behavior: str) -> str:
    """Put the subscription under a schedule of the dashboard: one more period with a price."""
    named = bench.invoice(invoice_id).view.subscription_id or ""
    bench.account.admin.schedule(named, price=price, end_behavior=end_behavior)
    for event in bench.events("customer.subscription."):
        received = bench.receive(event)
        bench.apply(received)
        bench.fetch(received)
    return named


def test_a_schedule_of_others_is_shown_and_no_change_of_ours_replaces_it(bench: Bench) -> None:
    invoice_id, dearer = subscribed(bench), monthly(bench, 2999)
    named = put_under_schedule(bench, invoice_id, dearer, end_behavior="cancel")
    shown = bench.subscription(invoice_id).view
    (phase,) = shown.scheduled_phases
    assert phase.items == [ScheduledItem(dearer, 1)]
    assert from_unix(phase.starts_at) == shown.period_end
    assert shown.cancel_at is not None
    assert shown.period_end is not None
    assert shown.cancel_at > shown.period_end
    for at_period_end in (False, True):
        refused = change(bench, invoice_id, monthly(bench, 4999), at_period_end=at_period_end)
        assert refused.failure is not None
        assert refused.failure.code == "scheduled_elsewhere"
        assert (refused.cancel_at, refused.scheduled) == (shown.cancel_at, None)
    assert bench.account.v1.subscriptions.retrieve(named).schedule is not None
    assert renewals(bench, invoice_id, months=3) == [1999, 2999]
    assert bench.subscription(invoice_id).view.status == "canceled"


def test_changes_keep_the_end_that_a_schedule_of_others_has(bench: Bench) -> None:
    for at_period_end in (False, True):
        invoice_id = subscribed(bench)
        named = bench.invoice(invoice_id).view.subscription_id or ""
        schedules = bench.account.v1.subscription_schedules
        made = schedules.create({"from_subscription": named})
        (phase,) = made.phases
        term: Any = {
            "items": [{"price": str(phase["items"][0].price)}],
            "start_date": phase.start_date,
            "end_date": phase.end_date + 60 * 86400,
        }
        schedules.update(made.id, {"end_behavior": "cancel", "phases": [term]})
        changed = change(bench, invoice_id, monthly(bench, 4999), at_period_end=at_period_end)
        assert changed.failure is None
        assert changed.cancel_at == from_unix(term["end_date"])
        assert (changed.scheduled is not None, changed.scheduled_phases) == (at_period_end, [])
        billed = renewals(bench, invoice_id, months=4)
        assert bench.subscription(invoice_id).view.status == "canceled"
        assert (len(billed), billed[0], billed[2]) == (3, 1999, 4999)
        assert (billed[1] == 4999) is at_period_end, "a change now is prorated"


def test_a_change_with_the_next_period_keeps_quantities_of_nothing_and_usage(bench: Bench) -> None:
    invoice_id, cheaper = subscribed(bench), monthly(bench, 999)
    named = bench.invoice(invoice_id).view.subscription_id or ""
    metered = bench.account.add_price(500, recurring={"interval": "month", "usage_type": "metered"})
    (item,) = bench.account.v1.subscription_items.list({"subscription": named}).data
    items: Any = [{"id": item.id, "quantity": 0}, {"price": metered}]
    bench.account.v1.subscriptions.update(named, {"items": items})
    lines = [RequestedPrice(metered, 1), RequestedPrice(cheaper, 2)]
    kind: Any = ChangeSubscription
    changed = change_subscription(bench, invoice_id, kind, at_period_end=True, lines=lines).view
    assert changed.failure is None
    schedule = bench.account.v1.subscriptions.retrieve(named).schedule
    phases = bench.account.v1.subscription_schedules.retrieve(str(schedule)).phases
    planned = [
        {str(one.price): getattr(one, "quantity", None) for one in phase["items"]}
        for phase in phases
    ]
    assert planned == [
        {str(item.price.id): 0, metered: None},
        {metered: None, cheaper: 2},
    ]
