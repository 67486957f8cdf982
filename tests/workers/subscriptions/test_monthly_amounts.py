"""Test the monthly amount of subscriptions with any kind of price."""

from __future__ import annotations

from typing import Any

from domain.core import ids
from domain.subscriptions.subscription import Subscription
from domain.subscriptions.view import SubscriptionView
from projections.reports.recurring_revenue import share_of
from tests.workers.stripe_harness import Bench

MONTHLY = {"interval": "month"}
TIERS = [
    {"up_to": 10, "unit_amount": 100, "flat_amount": 500},
    {"up_to": "inf", "unit_amount_decimal": "2.5"},
]


def add_price(bench: Bench, **fields: Any) -> str:
    known: dict[str, Any] = {"product": bench.account.product, "currency": "eur"}
    params: Any = known | {"recurring": MONTHLY} | fields
    return bench.account.v1.prices.create(params).id


def view_of(bench: Bench, *items: dict[str, Any], **fields: Any) -> SubscriptionView:
    """Start a subscription at Stripe, deliver its events, and return what was recorded."""
    customer = bench.account.add_customer()
    params: Any = {"customer": customer, "items": list(items), **fields}
    made = bench.account.v1.subscriptions.create(params).id
    bench.deliver("customer.subscription.")
    stream = ids.for_provider_object(bench.app_id, bench.connection_id, "test", made)
    return bench.billing.get(Subscription, stream).view


def shares(view: SubscriptionView) -> list[tuple[int, ...]]:
    """Return recurring_minor, active, unpriced and usage_based of the report."""
    return [tuple(amount) for amount in share_of(view).values()]


def test_an_amount_with_a_fraction_of_a_minor_unit_is_exact(bench: Bench) -> None:
    price = add_price(bench, unit_amount_decimal="0.5")
    view = view_of(bench, {"price": price, "quantity": 10_000})
    assert view.monthly_minor == 5000
    (item,) = view.items
    assert (item.amount_minor, item.amount_decimal) == (None, "0.5")
    assert shares(view) == [(5000, 1, 0, 0)]
    assert bench.account.charged() == [5000]


def test_tiers_decide_by_the_quantity(bench: Bench) -> None:
    cases = [("graduated", 30, 500 + 1000 + 50), ("volume", 30, 75), ("volume", 10, 1500)]
    for mode, quantity, expected in cases:
        price = add_price(bench, billing_scheme="tiered", tiers_mode=mode, tiers=TIERS)
        view = view_of(bench, {"price": price, "quantity": quantity})
        assert view.monthly_minor == expected, mode
        assert bench.account.charged()[-1] == expected, mode


def test_a_quantity_of_zero_counts_as_zero(bench: Bench) -> None:
    other = {"price": bench.account.add_price(700, recurring=MONTHLY)}
    empty = {"price": bench.account.add_price(1999, recurring=MONTHLY), "quantity": 0}
    view = view_of(bench, other, empty)
    assert view.monthly_minor == 700
    assert {item.quantity for item in view.items} == {0, 1}
    assert bench.account.charged() == [700]


def test_what_is_billed_by_usage_adds_nothing_and_is_flagged(bench: Bench) -> None:
    metered = add_price(bench, unit_amount=500, recurring=MONTHLY | {"usage_type": "metered"})
    view = view_of(bench, {"price": metered}, {"price": add_price(bench, unit_amount=300)})
    assert view.monthly_minor == 300
    flags = {item.price: (item.quantity, item.usage_based) for item in view.items}
    assert flags[metered] == (None, True)
    assert shares(view) == [(300, 1, 0, 1)]


def test_the_amount_is_that_of_the_currency_of_the_subscription(bench: Bench) -> None:
    options = {"aud": {"unit_amount": 2900}}
    price = add_price(bench, unit_amount=1999, currency_options=options)
    view = view_of(bench, {"price": price}, currency="aud")
    assert (view.currency, view.monthly_minor, view.items[0].currency) == ("aud", 2900, "aud")
    assert bench.account.charged() == [2900]
