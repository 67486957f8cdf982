"""Other plans, quantities and cycles: what is given back and owed, to the cent."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
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


def share(amount: int, start: int, end: int, at: int) -> int:
    """Return the share of an amount for the rest of a period."""
    exact = Decimal(amount) * (end - at) / (end - start)
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def change(club: Club, made: stripe.Subscription, **given: Any) -> stripe.Subscription:
    fields: Any = given
    return club.stripe.subscriptions.update(made.id, fields)


def swap(made: stripe.Subscription, **item: Any) -> list[dict[str, Any]]:
    return [{"id": items_of(made)[0].id, **item}]


@pytest.mark.parametrize("days", [0.5, 7, 10.123, 30.99])
def test_prorations_are_shares_of_the_period_to_the_cent(club: Club, days: float) -> None:
    made = club.member(club.plan(1999))
    start, end = period_of(made)
    at = int(start + days * DAY_S)
    club.go_to(at)
    changed = change(
        club, made, items=swap(made, price=club.plan(4999)), proration_behavior="always_invoice"
    )
    credit, debit = -share(1999, start, end, at), share(4999, start, end, at)
    invoice: Any = club.latest(changed)
    assert sorted(line.amount for line in invoice.lines.data) == sorted([credit, debit])
    assert (invoice.total, invoice.billing_reason) == (credit + debit, "subscription_update")
    details = invoice.lines.data[0].parent.subscription_item_details
    assert (details.proration, details.subscription) == (True, made.id)
    assert details.proration_details.credited_items.invoice == made.latest_invoice
    assert invoice.parent.subscription_details.subscription_proration_date == at
    assert period_of(changed) == (start, end)


def test_prorations_wait_for_the_renewal_by_default(club: Club) -> None:
    made = club.member(club.plan(1000))
    start, end = period_of(made)
    at = moment(2027, 1, 25)
    club.go_to(at)
    change(club, made, items=swap(made, quantity=3))
    credit, debit = -share(1000, start, end, at), share(3000, start, end, at)
    pending = club.stripe.invoice_items.list({"customer": str(made.customer), "pending": True})
    assert sorted(item.amount for item in pending.data) == [credit, debit]
    assert all(item.proration for item in pending.data)
    club.go_to(end + 3600)
    assert totals(club.invoices(made)) == [1000, 3000 + credit + debit]


def test_without_prorations_the_new_price_counts_from_the_next_period(club: Club) -> None:
    made = club.member(club.plan(1000))
    club.go_to(moment(2027, 1, 25))
    change(club, made, items=swap(made, price=club.plan(3000)), proration_behavior="none")
    club.go_to(moment(2027, 2, 15, 14))
    assert totals(club.invoices(made)) == [1000, 3000]


def test_going_there_and_back_at_once_costs_nothing(club: Club) -> None:
    basic, pro = club.plan(1000), club.plan(3000)
    made = club.member(basic)
    club.go_to(moment(2027, 1, 25))
    for plan in (pro, basic):
        change(club, made, items=swap(made, price=plan))
    club.go_to(moment(2027, 2, 15, 14))
    assert totals(club.invoices(made)) == [1000, 1000]


def test_a_downgrade_gives_credit_for_the_next_invoice(club: Club) -> None:
    made = club.member(club.plan(9000))
    start, end = period_of(made)
    at = moment(2027, 1, 16)
    club.go_to(at)
    cheap = club.plan(1000)
    change(club, made, items=swap(made, price=cheap), proration_behavior="always_invoice")
    credit = share(9000, start, end, at) - share(1000, start, end, at)
    assert (club.latest(made).status, club.latest(made).amount_due) == ("paid", 0)
    assert club.stripe.customers.retrieve(str(made.customer)).balance == -credit
    club.go_to(end + 3600)
    assert club.latest(made).amount_due == 0
    assert club.stripe.customers.retrieve(str(made.customer)).balance == 1000 - credit
    assert club.admin.ledger()["totals"] == {"eur": 9000}


def test_another_interval_begins_a_new_cycle_that_is_billed_at_once(club: Club) -> None:
    made = club.member(club.plan(1000))
    start, end = period_of(made)
    at = moment(2027, 1, 25)
    club.go_to(at)
    changed = change(club, made, items=swap(made, price=club.plan(10000, "year")))
    assert period_of(changed) == (at, moment(2028, 1, 25))
    assert changed.billing_cycle_anchor == at
    invoice = club.latest(changed)
    assert (invoice.status, invoice.total) == ("paid", 10000 - share(1000, start, end, at))


def test_the_cycle_is_reset_on_request(club: Club) -> None:
    made = club.member(club.plan(1000))
    start, end = period_of(made)
    at = moment(2027, 1, 20)
    club.go_to(at)
    changed = change(club, made, billing_cycle_anchor={"type": "now"})
    assert period_of(changed) == (at, moment(2027, 2, 20))
    assert club.latest(changed).total == 1000 - share(1000, start, end, at)


def test_a_trial_ended_early_is_billed_at_once(club: Club) -> None:
    made = club.member(trial_period_days=14)
    club.later(3 * DAY_S)
    changed = change(club, made, trial_end="now")
    assert (changed.status, changed.trial_end) == ("active", moment(2027, 1, 18))
    assert period_of(changed) == (moment(2027, 1, 18), moment(2027, 2, 18))
    assert totals(club.invoices(made)) == [0, 1000]


def test_a_trial_can_be_made_longer(club: Club) -> None:
    made = club.member(trial_period_days=5)
    changed = change(club, made, trial_end=moment(2027, 2, 1))
    assert (changed.status, period_of(changed)[1]) == ("trialing", moment(2027, 2, 1))
    club.go_to(moment(2027, 2, 1, 13))
    assert totals(club.invoices(made)) == [0, 1000]


@pytest.mark.parametrize(
    ("behavior", "status"), [("allow_incomplete", "past_due"), ("default_incomplete", "active")]
)
def test_a_change_that_cannot_be_paid_is_kept_and_owed(
    club: Club, behavior: str, status: str
) -> None:
    made = club.member(club.plan(1000))
    club.new_card(str(made.customer), "pm_card_chargeDeclined")
    club.later(DAY_S)
    changed = change(
        club,
        made,
        items=swap(made, price=club.plan(5000)),
        proration_behavior="always_invoice",
        payment_behavior=behavior,
    )
    assert (changed.status, club.latest(changed).status) == (status, "open")


def test_a_change_that_must_be_paid_is_undone_if_it_is_not(club: Club) -> None:
    made = club.member(club.plan(1000))
    club.new_card(str(made.customer), "pm_card_chargeDeclined")
    club.later(DAY_S)
    before = club.now(made).to_dict()
    with pytest.raises(stripe.CardError):
        change(
            club,
            made,
            items=swap(made, price=club.plan(5000)),
            proration_behavior="always_invoice",
            payment_behavior="error_if_incomplete",
        )
    assert club.now(made).to_dict() == before
    assert len(club.invoices(made)) == 1


def test_items_come_and_go_one_by_one(club: Club) -> None:
    made = club.member(club.plan(1000))
    start, end = period_of(made)
    at = moment(2027, 1, 22)
    club.go_to(at)
    added = club.stripe.subscription_items.create(
        {"subscription": made.id, "price": club.plan(500), "quantity": 2}
    )
    listed = club.stripe.subscription_items.list({"subscription": made.id}).data
    assert [item.id for item in listed] == [items_of(made)[0].id, added.id]
    changed = club.stripe.subscription_items.update(added.id, {"quantity": 4})
    assert (changed.quantity, club.stripe.subscription_items.retrieve(added.id).quantity) == (4, 4)
    club.stripe.subscription_items.delete(items_of(made)[0].id)
    assert [item.id for item in items_of(club.now(made))] == [added.id]
    club.go_to(end + 3600)
    waited = share(2000, start, end, at) - share(1000, start, end, at)
    assert totals(club.invoices(made)) == [1000, 2000 + waited]
    with pytest.raises(stripe.InvalidRequestError, match="at least one active plan"):
        club.stripe.subscription_items.delete(added.id)


def test_an_update_event_has_the_previous_values(club: Club) -> None:
    made = club.member(metadata={"a": "1"})
    change(club, made, metadata={"b": "2"}, description="Premium")
    event: Any = club.stripe.events.list({"type": "customer.subscription.updated"}).data[0]
    assert event.data.previous_attributes.to_dict() == {
        "description": None,
        "metadata": {"b": None},
    }
    number = len(club.shop.event_types())
    change(club, made, description="Premium")
    assert len(club.shop.event_types()) == number


def test_discounts_come_off_lines_totals_and_prorations(club: Club) -> None:
    coupon = club.stripe.coupons.create({"percent_off": 25, "duration": "forever"})
    tax = club.shop.rate(20, inclusive=False).id
    made = club.member(club.plan(1000), discounts=[{"coupon": coupon.id}], default_tax_rates=[tax])
    invoice: Any = club.latest(made)
    assert (invoice.subtotal, invoice.total_excluding_tax, invoice.total) == (1000, 750, 900)
    assert [item.amount for item in invoice.total_discount_amounts] == [250]
    assert invoice.discounts == made.discounts
    assert invoice.lines.data[0].discount_amounts[0].amount == 250
    start, end = period_of(made)
    at = moment(2027, 1, 25)
    club.go_to(at)
    change(club, made, items=swap(made, price=club.plan(2000)), proration_behavior="always_invoice")
    change_costs = share(1500, start, end, at) - share(750, start, end, at)
    assert club.latest(made).total_excluding_tax == change_costs
    expanded: Any = club.stripe.subscriptions.retrieve(
        made.id, {"expand": ["discounts.source.coupon"]}
    )
    assert expanded.discounts[0].source.coupon.percent_off == 25
    assert club.stripe.coupons.retrieve(coupon.id).times_redeemed == 1


@pytest.mark.parametrize(
    ("duration", "months", "expected"),
    [
        ("once", None, [500, 1000, 1000, 1000]),
        ("repeating", 2, [500, 500, 1000, 1000]),
        ("forever", None, [500, 500, 500, 500]),
    ],
)
def test_a_coupon_lasts_for_its_duration(
    club: Club, duration: str, months: int | None, expected: list[int]
) -> None:
    given: Any = {"percent_off": 50, "duration": duration}
    coupon = club.stripe.coupons.create(given | ({"duration_in_months": months} if months else {}))
    made = club.member(club.plan(1000), discounts=[{"coupon": coupon.id}])
    club.go_to(moment(2027, 4, 15, 14))
    assert totals(club.invoices(made)) == expected
