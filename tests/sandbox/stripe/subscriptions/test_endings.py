"""Test pauses, resumption, changes at the period's end, and cancellation."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop
from tests.sandbox.stripe.subscription_helpers import (
    DAY_S,
    Club,
    items_of,
    moment,
    period_of,
    totals,
)
from tests.sandbox.stripe.subscriptions.test_updates import share


@pytest.fixture
def club(shop: Shop) -> Club:
    return Club(shop)


def test_canceled_now_is_over_now(club: Club) -> None:
    made = club.member()
    club.later(DAY_S)
    details: Any = {"comment": "Too much", "feedback": "too_expensive"}
    ended: Any = club.stripe.subscriptions.cancel(made.id, {"cancellation_details": details})
    now = moment(2027, 1, 16)
    assert (ended.status, ended.canceled_at, ended.ended_at) == ("canceled", now, now)
    cancellation = ended.cancellation_details
    assert (cancellation.comment, cancellation.feedback, cancellation.reason) == (
        "Too much", "too_expensive", "cancellation_requested",
    )  # fmt: skip
    assert club.shop.event_types()[-1] == "customer.subscription.deleted"
    club.later(60 * DAY_S)
    assert totals(club.invoices(made)) == [1000]
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        club.stripe.subscriptions.cancel(made.id)
    assert refusal.value.http_status == 404


def test_canceled_with_a_final_invoice_gives_back_what_is_unused(club: Club) -> None:
    made = club.member(club.plan(3100))
    start, end = period_of(made)
    club.go_to(moment(2027, 1, 20))
    club.stripe.subscriptions.cancel(made.id, {"prorate": True, "invoice_now": True})
    credit = share(3100, start, end, moment(2027, 1, 20))
    assert totals(club.invoices(made)) == [3100, -credit]
    assert club.stripe.customers.retrieve(str(made.customer)).balance == -credit


def test_canceled_at_the_periods_end_lasts_until_then(club: Club) -> None:
    made = club.member()
    end = period_of(made)[1]
    club.later(DAY_S)
    leaving = club.stripe.subscriptions.update(made.id, {"cancel_at_period_end": True})
    assert (leaving.status, leaving.cancel_at_period_end, leaving.cancel_at) == (
        "active", True, end,
    )  # fmt: skip
    assert leaving.canceled_at == moment(2027, 1, 16)
    club.go_to(end - 1)
    assert club.now(made).status == "active"
    club.go_to(end)
    ended = club.now(made)
    assert (ended.status, ended.ended_at) == ("canceled", end)
    assert ended.canceled_at == moment(2027, 1, 16)
    club.later(60 * DAY_S)
    assert totals(club.invoices(made)) == [1000]


def test_a_cancellation_can_be_taken_back(club: Club) -> None:
    made = club.member()
    club.stripe.subscriptions.update(made.id, {"cancel_at_period_end": True})
    stays: Any = club.stripe.subscriptions.update(made.id, {"cancel_at_period_end": False})
    assert (stays.cancel_at, stays.canceled_at, stays.cancellation_details.reason) == (
        None, None, None,
    )  # fmt: skip
    club.go_to(moment(2027, 2, 15, 13))
    assert totals(club.invoices(made)) == [1000, 1000]


def test_a_reset_billing_cycle_moves_the_end(club: Club) -> None:
    made = club.member()
    club.stripe.subscriptions.update(made.id, {"cancel_at_period_end": True})
    club.later(5 * DAY_S)
    anew: Any = {"billing_cycle_anchor": {"type": "now"}, "proration_behavior": "none"}
    moved = club.stripe.subscriptions.update(made.id, anew)
    assert moved.cancel_at == period_of(moved)[1] == moment(2027, 2, 20)
    club.go_to(moment(2027, 2, 20))
    assert club.now(made).status == "canceled"


def test_debits_of_a_bank_account_let_it_begin_and_go_on(club: Club) -> None:
    customer = club.shop.customer(None).id
    account: Any = {
        "type": "sepa_debit",
        "sepa_debit": {"iban": "DE89370400440532013000"},
        "billing_details": {"name": "Ada", "email": "ada@example.org"},
    }
    method = club.stripe.payment_methods.create(account).id
    club.stripe.payment_methods.attach(method, {"customer": customer})
    made = club.subscribe(customer, club.plan(), default_payment_method=method)
    assert (made.status, club.latest(made).status) == ("active", "open")
    club.later(10 * DAY_S)
    assert (club.now(made).status, club.latest(made).status) == ("active", "paid")
    club.go_to(moment(2027, 3, 14))
    assert [invoice.status for invoice in club.invoices(made)] == ["paid", "paid"]


def test_it_ends_at_the_time_that_was_set(club: Club) -> None:
    made = club.member()
    at = moment(2027, 3, 1)
    club.stripe.subscriptions.update(made.id, {"cancel_at": at})
    club.go_to(moment(2027, 4, 1))
    assert (club.now(made).status, club.now(made).ended_at) == ("canceled", at)
    assert totals(club.invoices(made)) == [1000, 1000]


def test_canceling_what_was_never_paid_expires_it(club: Club) -> None:
    made = club.member(card="pm_card_chargeDeclined")
    ended = club.stripe.subscriptions.cancel(made.id)
    assert (ended.status, club.latest(made).status) == ("incomplete_expired", "void")


def test_an_open_invoice_stays_open_after_the_end_and_is_not_collected(club: Club) -> None:
    made = club.member()
    club.new_card(str(made.customer), "pm_card_chargeDeclined")
    club.go_to(moment(2027, 2, 15, 14))
    club.stripe.subscriptions.cancel(made.id)
    owed = club.latest(made)
    assert (owed.status, owed.auto_advance, owed.next_payment_attempt) == ("open", False, None)
    club.later(30 * DAY_S)
    assert club.latest(made).attempt_count == 1


def test_deleting_a_customer_ends_the_subscriptions(club: Club) -> None:
    made = club.member()
    club.stripe.customers.delete(str(made.customer))
    assert club.now(made).status == "canceled"


def test_a_paused_subscription_has_no_invoices_until_it_is_resumed(club: Club) -> None:
    made = club.member(club.plan(3100))
    start, end = period_of(made)
    at = moment(2027, 1, 20)
    club.go_to(at)
    paused: Any = club.stripe.subscriptions.pause(made.id)
    assert (paused.status, paused.status_details.paused.subscription.type) == (
        "paused", "pause_requested",
    )  # fmt: skip
    assert "customer.subscription.paused" in club.types_since(at)
    club.go_to(moment(2027, 5, 1))
    assert totals(club.invoices(made)) == [3100]
    behavior: Any = {"payment_behavior": "resume_on_payment_success"}
    resumed = club.stripe.subscriptions.resume(made.id, behavior)
    assert (resumed.status, resumed.status_details) == ("active", None)
    assert period_of(resumed) == (moment(2027, 5, 1), moment(2027, 6, 1))
    assert totals(club.invoices(made)) == [3100, 3100 - share(3100, start, end, at)]
    assert "customer.subscription.resumed" in club.types_since(moment(2027, 5, 1))


def test_a_resumption_waits_for_its_payment_and_is_void_after_23_hours(club: Club) -> None:
    made = club.member()
    nothing: Any = {"bill_for": {"unused_time_from": {"type": "none"}}}
    club.stripe.subscriptions.pause(made.id, nothing)
    club.later(40 * DAY_S)
    assert club.stripe.subscriptions.resume(made.id).status == "paused"
    latest_invoice = club.latest(made)
    assert (latest_invoice.status, latest_invoice.total, latest_invoice.attempt_count) == (
        "open",
        1000,
        0,
    )
    club.later(23 * 3600)
    assert (club.latest(made).status, club.now(made).status) == ("void", "paused")
    club.stripe.subscriptions.resume(made.id)
    club.stripe.invoices.pay(club.latest(made).id)
    assert club.now(made).status == "active"


def test_a_failed_attempt_resumes_what_was_to_resume_by_attempt(club: Club) -> None:
    made = club.member()
    nothing: Any = {"bill_for": {"unused_time_from": {"type": "none"}}}
    club.stripe.subscriptions.pause(made.id, nothing)
    club.new_card(str(made.customer), "pm_card_chargeDeclined")
    club.later(40 * DAY_S)
    club.stripe.subscriptions.resume(made.id)
    with pytest.raises(stripe.CardError):
        club.stripe.invoices.pay(club.latest(made).id, {"off_session": True})
    assert club.now(made).status == "past_due"


def test_what_a_pause_gives_back_can_be_invoiced_at_once(club: Club) -> None:
    made = club.member()
    club.stripe.subscriptions.pause(made.id, {"invoicing_behavior": "invoice"})
    assert totals(club.invoices(made)) == [1000, -1000]
    assert club.stripe.customers.retrieve(str(made.customer)).balance == -1000


def test_resumed_in_the_same_cycle_only_the_rest_is_owed(club: Club) -> None:
    made = club.member(club.plan(3100))
    start, end = period_of(made)
    left, back = moment(2027, 1, 20), moment(2027, 1, 25)
    club.go_to(left)
    club.stripe.subscriptions.pause(made.id)
    club.go_to(back)
    same: Any = {"billing_cycle_anchor": {"type": "unchanged"}}
    assert club.stripe.subscriptions.resume(made.id, same).status == "active"
    club.go_to(end + 3600)
    waited = share(3100, start, end, back) - share(3100, start, end, left)
    assert totals(club.invoices(made)) == [3100, 3100 + waited]


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
