"""Test schedules: changes at the period's end, and inside a period."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.subscription_helpers import Club, items_of, moment, period_of, totals
from tests.sandbox.stripe.subscriptions.test_updates import share


def test_a_schedule_changes_the_plan_at_the_periods_end(club: Club) -> None:
    basic, pro = club.plan(1000), club.plan(2500)
    made = club.member(basic, metadata={"kept": "yes"})
    start, end = period_of(made)
    schedule = club.stripe.subscription_schedules.create({"from_subscription": made.id})
    assert (schedule.status, club.now(made).schedule) == ("active", schedule.id)
    phases: Any = [
        {"items": [{"price": basic}], "start_date": start, "end_date": end},
        {"items": [{"price": pro, "quantity": 2}], "proration_behavior": "none"},
    ]
    changed = club.stripe.subscription_schedules.update(
        schedule.id, {"phases": phases, "end_behavior": "release"}
    )
    assert [phase.end_date for phase in changed.phases] == [end, moment(2027, 3, 15)]
    assert items_of(club.now(made))[0].price.id == basic
    club.go_to(end + 3600)
    item = items_of(club.now(made))[0]
    assert (item.id, item.price.id, item.quantity) == (items_of(made)[0].id, pro, 2)
    club.go_to(moment(2027, 3, 15, 13))
    released = club.stripe.subscription_schedules.retrieve(schedule.id)
    assert (released.status, released.released_subscription) == ("released", made.id)
    assert (club.now(made).schedule, club.now(made).status) == (None, "active")
    assert totals(club.invoices(made)) == [1000, 5000, 5000]


def test_a_schedule_changes_to_another_interval_at_the_periods_end(club: Club) -> None:
    basic, yearly = club.plan(1000), club.plan(10000, "year")
    made = club.member(basic)
    start, end = period_of(made)
    schedule = club.stripe.subscription_schedules.create({"from_subscription": made.id})
    phases: Any = [
        {"items": [{"price": basic}], "start_date": start, "end_date": end},
        {"items": [{"price": yearly}]},
    ]
    club.stripe.subscription_schedules.update(schedule.id, {"phases": phases})
    club.go_to(end + 3600)
    assert period_of(club.now(made)) == (end, moment(2028, 2, 15))
    assert totals(club.invoices(made)) == [1000, 10000]
    club.go_to(moment(2028, 2, 15, 13))
    assert totals(club.invoices(made)) == [1000, 10000, 10000]


def test_a_schedule_may_end_the_subscription(club: Club) -> None:
    made = club.member()
    schedule = club.stripe.subscription_schedules.create({"from_subscription": made.id})
    club.stripe.subscription_schedules.update(schedule.id, {"end_behavior": "cancel"})
    with pytest.raises(stripe.InvalidRequestError, match="managed by the subscription schedule"):
        club.stripe.subscriptions.update(made.id, {"cancel_at_period_end": True})
    club.go_to(moment(2027, 2, 15))
    assert club.now(made).status == "canceled"
    assert club.stripe.subscription_schedules.retrieve(schedule.id).status == "completed"


def test_a_phase_inside_a_period_is_prorated(club: Club) -> None:
    basic, pro = club.plan(1000), club.plan(4000)
    made = club.member(basic)
    start, end = period_of(made)
    at = moment(2027, 1, 30)
    schedule = club.stripe.subscription_schedules.create({"from_subscription": made.id})
    phases: Any = [
        {"items": [{"price": basic}], "start_date": start, "end_date": at},
        {
            "items": [{"price": pro}],
            "duration": {"interval": "year"},
            "proration_behavior": "always_invoice",
        },
    ]
    club.stripe.subscription_schedules.update(schedule.id, {"phases": phases})
    club.go_to(at)
    owed = share(4000, start, end, at) - share(1000, start, end, at)
    assert totals(club.invoices(made)) == [1000, owed]


def test_a_released_schedule_changes_nothing_more(club: Club) -> None:
    made = club.member()
    schedule = club.stripe.subscription_schedules.create({"from_subscription": made.id})
    end = period_of(made)[1]
    later: Any = [
        {"items": [{"price": items_of(made)[0].price.id}], "end_date": end},
        {"items": [{"price": club.plan(9000)}]},
    ]
    club.stripe.subscription_schedules.update(schedule.id, {"phases": later})
    club.stripe.subscription_schedules.release(schedule.id)
    assert club.now(made).schedule is None
    club.go_to(end + 3600)
    assert totals(club.invoices(made)) == [1000, 1000]
    found = club.stripe.subscription_schedules.list({"customer": str(made.customer)}).data
    assert [item.id for item in found] == [schedule.id]


def test_canceling_a_schedule_cancels_its_subscription(club: Club) -> None:
    made = club.member()
    schedule = club.stripe.subscription_schedules.create({"from_subscription": made.id})
    plain: Any = {"invoice_now": False, "prorate": False}
    assert club.stripe.subscription_schedules.cancel(schedule.id, plain).status == "canceled"
    assert club.now(made).status == "canceled"
