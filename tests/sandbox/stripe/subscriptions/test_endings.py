"""Test the end of a subscription: at once, with its period, and as its customer is deleted."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.subscription_helpers import DAY_S, Club, moment, period_of, totals
from tests.sandbox.stripe.subscriptions.test_updates import share


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
