"""Test pauses of a subscription, and its resumption."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.subscription_helpers import DAY_S, Club, moment, period_of, totals
from tests.sandbox.stripe.subscriptions.test_updates import share


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
