"""Test renewals by the clock: success, failure, recovery, retries, end."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.stripe.catalogue.recurrence import boundary, period_at
from tests.sandbox.stripe.shop import Shop
from tests.sandbox.stripe.subscription_helpers import (
    DAY_S,
    Club,
    items_of,
    moment,
    period_of,
    totals,
)


def test_a_year_of_a_monthly_subscription(club: Club) -> None:
    """Twelve invoices, none double, one of them recovered, another plan in month six, an end."""
    basic, pro = club.plan(1000), club.plan(2500)
    made = club.member(basic)
    customer = str(made.customer)
    club.go_to(moment(2027, 3, 20))
    club.new_card(customer, "pm_card_chargeDeclined")
    club.go_to(moment(2027, 4, 16))
    assert (club.now(made).status, club.latest(made).status) == ("past_due", "open")
    club.new_card(customer)
    club.go_to(moment(2027, 4, 19))
    assert (club.now(made).status, club.latest(made).status) == ("active", "paid")
    club.go_to(moment(2027, 6, 20))
    item = items_of(made)[0].id
    club.stripe.subscriptions.update(
        made.id, {"items": [{"id": item, "price": pro}], "proration_behavior": "none"}
    )
    club.go_to(moment(2027, 12, 20))
    club.stripe.subscriptions.update(made.id, {"cancel_at_period_end": True})
    club.go_to(moment(2028, 6, 1))
    ended = club.now(made)
    assert (ended.status, ended.ended_at) == ("canceled", moment(2028, 1, 15))
    invoices = club.invoices(made)
    assert totals(invoices) == [1000] * 6 + [2500] * 6
    assert {invoice.status for invoice in invoices} == {"paid"}
    periods = [invoice.lines.data[0].period for invoice in invoices]
    assert [(period.start, period.end) for period in periods] == [
        (moment(2027, month, 15), moment(2027 + month // 12, month % 12 + 1, 15))
        for month in range(1, 13)
    ]
    ledger = club.admin.ledger()
    assert ledger["totals"] == {"eur": 21000}
    assert ledger["by_invoice"] == {invoice.id: invoice.total for invoice in invoices}


def test_a_renewals_events_are_sent_in_stripes_order(club: Club) -> None:
    club.member()
    club.go_to(moment(2027, 2, 15, 13))
    assert club.types_since(moment(2027, 1, 16)) == [
        "invoice.upcoming",
        "invoice.created",
        "customer.subscription.updated",
        "payment_intent.created",
        "invoice.finalized",
        "customer.updated",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]


def test_a_renewal_is_drafted_at_the_periods_end_and_charged_an_hour_later(club: Club) -> None:
    made = club.member()
    club.go_to(moment(2027, 2, 15))
    draft = club.latest(made)
    assert (draft.status, draft.billing_reason) == ("draft", "subscription_cycle")
    assert (draft.auto_advance, draft.automatically_finalizes_at) == (True, moment(2027, 2, 15, 13))
    assert (draft.period_start, draft.period_end) == (moment(2027, 1, 15), moment(2027, 2, 15))
    line = draft.lines.data[0]
    assert (line.period.start, line.period.end) == (moment(2027, 2, 15), moment(2027, 3, 15))
    assert period_of(club.now(made)) == (line.period.start, line.period.end)
    club.later(3600)
    paid = club.latest(made)
    assert (paid.id, paid.status) == (draft.id, "paid")
    assert paid.status_transitions.paid_at == moment(2027, 2, 15, 13)


def test_upcoming_shows_the_renewal_and_keeps_nothing_of_it(club: Club) -> None:
    made = club.member(club.plan(1000), quantity=2)
    club.go_to(moment(2027, 2, 12))
    event = club.stripe.events.list({"type": "invoice.upcoming"}).data[0]
    upcoming: Any = event.data.object
    assert (upcoming.total, upcoming.status, upcoming.billing_reason) == (2000, "draft", "upcoming")
    line = upcoming.lines.data[0]
    assert (line.period.start, line.period.end) == (moment(2027, 2, 15), moment(2027, 3, 15))
    assert period_of(club.now(made))[1] == moment(2027, 2, 15)
    assert len(club.invoices(made)) == 1


@pytest.mark.parametrize(
    ("interval", "count", "starts"),
    [
        ("month", 1, [(2027, 1, 31), (2027, 2, 28), (2027, 3, 31), (2027, 4, 30)]),
        ("month", 3, [(2027, 1, 31), (2027, 4, 30), (2027, 7, 31), (2027, 10, 31)]),
        ("year", 1, [(2027, 1, 31), (2028, 1, 31), (2029, 1, 31)]),
        ("week", 2, [(2027, 1, 31), (2027, 2, 14), (2027, 2, 28)]),
        ("day", 10, [(2027, 1, 31), (2027, 2, 10), (2027, 2, 20)]),
    ],
)
def test_periods_begin_at_the_anchor(
    shop: Shop, interval: str, count: int, starts: list[tuple[int, int, int]]
) -> None:
    club = Club(shop, begins=moment(2027, 1, 31))
    made = club.member(club.plan(1000, interval, count))
    club.go_to(moment(*starts[-1], hour=14))
    lines = [invoice.lines.data[0] for invoice in club.invoices(made)]
    assert [line.period.start for line in lines] == [moment(*start) for start in starts]
    assert [line.period.end for line in lines[:-1]] == [moment(*start) for start in starts[1:]]


def test_a_leap_day_comes_back_after_four_years() -> None:
    anchor, yearly = moment(2028, 2, 29), {"interval": "year", "interval_count": 1}
    begins = [boundary(anchor, yearly, number) for number in range(5)]
    assert begins == [
        moment(2028, 2, 29), moment(2029, 2, 28), moment(2030, 2, 28), moment(2031, 2, 28),
        moment(2032, 2, 29),
    ]  # fmt: skip
    assert period_at(anchor, yearly, begins[1] - 1) == (begins[0], begins[1])
    assert period_at(anchor, yearly, begins[1]) == (begins[1], begins[2])
    assert period_at(anchor, yearly, anchor - 1)[1] == anchor


@pytest.mark.parametrize("outcome", ["cancel", "unpaid", "past_due"])
def test_the_account_setting_decides_the_status_after_the_last_attempt(
    club: Club, outcome: str
) -> None:
    club.admin.set_billing(after_retries=outcome)
    made = club.member()
    club.new_card(str(made.customer), "pm_card_chargeDeclined")
    attempts = [0, 3, 8, 15]
    first = moment(2027, 2, 15, 13)
    for number, days in enumerate(attempts, 1):
        club.go_to(first + days * DAY_S)
        assert club.latest(made).attempt_count == number
        if number < len(attempts):
            assert club.now(made).status == "past_due"
    after: Any = club.now(made)
    assert after.status == {"cancel": "canceled"}.get(outcome, outcome)
    assert club.latest(made).next_payment_attempt is None
    if outcome == "cancel":
        assert after.cancellation_details.reason == "payment_failed"
        assert "customer.subscription.deleted" in club.shop.event_types()


def test_an_unpaid_subscription_goes_on_with_drafts_until_it_is_paid(club: Club) -> None:
    club.admin.set_billing(after_retries="unpaid")
    made = club.member()
    club.new_card(str(made.customer), "pm_card_chargeDeclined")
    club.go_to(moment(2027, 3, 16))
    draft = club.latest(made)
    assert (club.now(made).status, draft.status, draft.auto_advance) == ("unpaid", "draft", False)
    club.new_card(str(made.customer))
    club.stripe.invoices.pay(draft.id)
    assert club.now(made).status == "active"


def test_a_failed_renewal_is_recovered_by_a_card_of_the_subscription(club: Club) -> None:
    made = club.member()
    club.new_card(str(made.customer), "pm_card_chargeDeclined")
    club.go_to(moment(2027, 2, 16))
    assert club.now(made).status == "past_due"
    owner: Any = {"customer": made.customer}
    good = club.stripe.payment_methods.attach("pm_card_mastercard", owner)
    club.stripe.subscriptions.update(made.id, {"default_payment_method": good.id})
    club.go_to(moment(2027, 2, 18, 13))
    assert (club.now(made).status, club.latest(made).attempt_count) == ("active", 2)
    assert club.admin.ledger()["entries"][-1]["card"] == "mastercard 4444"


def test_pending_items_of_the_customer_come_with_the_renewal(club: Club) -> None:
    made = club.member()
    club.stripe.invoice_items.create(
        {"customer": str(made.customer), "amount": 250, "currency": "eur", "description": "Extra"}
    )
    club.go_to(moment(2027, 2, 15, 13))
    assert totals(club.invoices(made)) == [1000, 1250]


@pytest.mark.parametrize(
    ("behavior", "status"),
    [("keep_as_draft", "draft"), ("void", "void"), ("mark_uncollectible", "uncollectible")],
)
def test_while_collection_is_paused_invoices_come_and_are_not_charged(
    club: Club, behavior: str, status: str
) -> None:
    made = club.member()
    resumes: Any = {"behavior": behavior, "resumes_at": moment(2027, 3, 1)}
    club.stripe.subscriptions.update(made.id, {"pause_collection": resumes})
    club.go_to(moment(2027, 2, 28))
    paused: Any = club.now(made)
    assert (paused.status, paused.pause_collection.behavior) == ("active", behavior)
    assert club.latest(made).status == status
    club.go_to(moment(2027, 3, 16))
    assert club.now(made).pause_collection is None
    assert [invoice.status for invoice in club.invoices(made)] == ["paid", status, "paid"]


def test_a_restarted_clock_finds_every_renewal_once(club: Club) -> None:
    daily = club.member(club.plan(100, "day"))
    club.go_to(moment(2027, 2, 14, 14))
    invoices = club.invoices(daily)
    assert len(invoices) == 31
    assert club.admin.ledger()["totals"] == {"eur": 3100}
    assert len({invoice.lines.data[0].period.start for invoice in invoices}) == 31
