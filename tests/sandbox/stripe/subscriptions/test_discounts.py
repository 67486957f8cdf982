"""Discounts of subscriptions and items: percentages and amounts off, and phases that have them."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.subscription_helpers import (
    DAY_S,
    Club,
    items_of,
    moment,
    period_of,
    totals,
)


def coupon(club: Club, **fields: Any) -> str:
    given: Any = {"duration": "forever", **fields}
    return club.stripe.coupons.create(given).id


def euros_off(club: Club, amount: int, **fields: Any) -> str:
    return coupon(club, amount_off=amount, currency="eur", **fields)


def subscribed(club: Club, *items: dict[str, Any], **fields: Any) -> stripe.Subscription:
    given: Any = {"customer": club.shop.customer("pm_card_visa").id, "items": list(items)}
    return club.stripe.subscriptions.create(given | fields)


def off_lines(invoice: stripe.Invoice) -> list[int]:
    """Return the amount off each line by all its discounts."""
    lines: list[Any] = invoice["lines"].data
    return [sum(entry.amount for entry in line.discount_amounts) for line in lines]


def test_an_amount_off_is_divided_among_lines_and_never_exceeds_them(club: Club) -> None:
    plans = [{"price": club.plan(amount)} for amount in (1000, 500)]
    for off, parts in ((333, [222, 111]), (1501, [1000, 500])):
        made = subscribed(club, *plans, discounts=[{"coupon": euros_off(club, off)}])
        latest = club.latest(made)
        assert off_lines(latest) == parts
        assert (latest.subtotal, latest.total) == (1500, 1500 - sum(parts))
        assert [entry.amount for entry in latest.total_discount_amounts or ()] == [sum(parts)]
    assert club.admin.ledger()["totals"] == {"eur": 1500 - 333}


def test_item_discounts_come_first_and_off_their_line_only(club: Club) -> None:
    own = [{"coupon": euros_off(club, 100)}, {"coupon": coupon(club, percent_off=50)}]
    made = subscribed(
        club,
        {"price": club.plan(1000), "discounts": own},
        {"price": club.plan(500)},
        discounts=[{"coupon": coupon(club, percent_off=10)}],
    )
    latest = club.latest(made)
    assert off_lines(latest) == [100 + 450 + 45, 50]
    assert latest.discounts == made.discounts
    first, second = items_of(made)
    lines: Any = latest["lines"].data
    assert (lines[0].discounts, lines[1].discounts) == (first.discounts, second.discounts)
    params: Any = {"subscription": made.id, "expand": ["data.discounts.source.coupon"]}
    shown: Any = club.stripe.subscription_items.list(params).data[0].discounts
    assert [entry.source.coupon.amount_off for entry in shown] == [100, None]
    assert {entry.subscription_item for entry in shown} == {first.id}


def test_an_amount_off_an_item_lasts_for_its_duration(club: Club) -> None:
    once = euros_off(club, 400, duration="once")
    two = euros_off(club, 100, duration="repeating", duration_in_months=2)
    own = [{"coupon": once}, {"coupon": two}]
    made = subscribed(club, {"price": club.plan(1000), "discounts": own})
    club.go_to(moment(2027, 3, 15, 14))
    assert totals(club.invoices(made)) == [500, 900, 1000]
    assert items_of(club.now(made))[0].discounts == []


def test_prorations_are_net_of_amounts_off(club: Club) -> None:
    basic, pro = club.plan(1000), club.plan(2000)
    own = [{"coupon": euros_off(club, 200)}]
    made = subscribed(club, {"price": basic, "discounts": own})
    start, end = period_of(made)
    club.go_to(start + (end - start) // 2)
    items: Any = [{"id": items_of(made)[0].id, "price": pro}]
    params: Any = {"items": items, "proration_behavior": "always_invoice"}
    club.stripe.subscriptions.update(made.id, params)
    assert totals(club.invoices(made)) == [800, 900 - 400]


def test_coupons_have_one_value_in_the_currency_of_the_subscription(club: Club) -> None:
    refused: list[dict[str, Any]] = [
        {},
        {"percent_off": 10, "amount_off": 100, "currency": "eur"},
        {"amount_off": 100},
        {"amount_off": 0, "currency": "eur"},
        {"percent_off": 10, "currency": "eur"},
    ]
    for fields in refused:
        with pytest.raises(stripe.InvalidRequestError):
            coupon(club, **fields)
    options = {"usd": {"amount_off": 300}}
    both = euros_off(club, 200, currency_options=options)
    shown: Any = club.stripe.coupons.retrieve(both, {"expand": ["currency_options"]})
    assert shown.currency_options.to_dict() == {"eur": {"amount_off": 200}} | options
    dollars = club.shop.price(1000, currency="usd", recurring={"interval": "month"}).id
    made = subscribed(club, {"price": dollars}, discounts=[{"coupon": both}])
    assert club.latest(made).total == 700
    with pytest.raises(stripe.InvalidRequestError, match="has no amount in `usd`"):
        subscribed(club, {"price": dollars}, discounts=[{"coupon": euros_off(club, 200)}])


def test_a_schedule_keeps_trial_and_discounts_that_its_phase_names(club: Club) -> None:
    own, plan = [{"coupon": euros_off(club, 100)}], club.plan(1000)
    made = subscribed(
        club,
        {"price": plan, "discounts": own},
        discounts=[{"coupon": coupon(club, percent_off=50)}],
        trial_period_days=10,
    )
    schedule: Any = club.stripe.subscription_schedules.create({"from_subscription": made.id})
    (phase,) = schedule.phases
    assert (phase.trial_end, phase.end_date) == (made.trial_end, made.trial_end)
    item: Any = {
        "price": plan,
        "discounts": [{"discount": phase["items"][0].discounts[0].discount}],
    }
    kept: Any = {"items": [item], "discounts": [{"discount": phase.discounts[0].discount}]}
    current = kept | {"start_date": phase.start_date, "end_date": phase.end_date}
    phases: Any = [current | {"trial_end": phase.trial_end}, kept]
    club.stripe.subscription_schedules.update(schedule.id, {"phases": phases})
    assert club.now(made).status == "trialing"
    club.later(10 * DAY_S + 7200)
    assert totals(club.invoices(made)) == [0, 450]


def test_a_phase_without_a_trial_end_ends_the_trial(club: Club) -> None:
    made = club.member(club.plan(1000), trial_period_days=10)
    schedule = club.stripe.subscription_schedules.create({"from_subscription": made.id})
    item, (start, end) = {"price": items_of(made)[0].price.id}, period_of(made)
    for at in (start, end + 1):
        wrong: Any = [{"items": [item], "start_date": start, "end_date": end, "trial_end": at}]
        with pytest.raises(stripe.InvalidRequestError, match="must end inside it"):
            club.stripe.subscription_schedules.update(schedule.id, {"phases": wrong})
    phases: Any = [{"items": [item], "start_date": start, "end_date": end}]
    club.stripe.subscription_schedules.update(schedule.id, {"phases": phases})
    assert (club.now(made).status, totals(club.invoices(made))) == ("active", [0, 1000])


def test_a_later_phase_can_begin_with_a_trial(club: Club) -> None:
    basic, pro = club.plan(1000), club.plan(2500)
    made = club.member(basic)
    start, end = period_of(made)
    schedule = club.stripe.subscription_schedules.create({"from_subscription": made.id})
    trial_end = end + 7 * DAY_S
    phases: Any = [
        {"items": [{"price": basic}], "start_date": start, "end_date": end},
        {"items": [{"price": pro}], "trial_end": trial_end, "end_date": end + 90 * DAY_S},
    ]
    club.stripe.subscription_schedules.update(schedule.id, {"phases": phases})
    club.go_to(end + 7200)
    trial = club.now(made)
    assert (trial.status, trial.trial_start, trial.trial_end) == ("trialing", end, trial_end)
    club.go_to(trial_end + 7200)
    assert (club.now(made).status, totals(club.invoices(made))) == ("active", [1000, 0, 2500])
