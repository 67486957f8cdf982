"""Prices whose amount is not one integer: fractions, tiers, usage, other currencies."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop
from tests.sandbox.stripe.subscription_helpers import Club

MONTH: Any = {"interval": "month"}
TIERS: Any = [
    {"up_to": 10, "unit_amount": 500},
    {"up_to": 20, "unit_amount_decimal": "250.5", "flat_amount": 100},
    {"up_to": "inf", "unit_amount": 100},
]


def price(shop: Shop, **fields: Any) -> stripe.Price:
    given: Any = {"currency": "eur", "product_data": {"name": "Seat"}, "recurring": MONTH, **fields}
    return shop.stripe.prices.create(given)


def test_fractions_of_a_minor_unit_add_up(shop: Shop) -> None:
    made = price(shop, unit_amount_decimal="0.5")
    assert made.unit_amount is None
    member = Club(shop).member(made.id, quantity=10_000)
    assert shop.admin.ledger()["by_invoice"] == {member.latest_invoice: 5000}


@pytest.mark.parametrize(
    ("mode", "quantity", "amount"),
    [
        ("graduated", 5, 2500),
        ("graduated", 12, 5000 + 100 + 501),
        ("graduated", 25, 5000 + 100 + 2505 + 500),
        ("volume", 10, 5000),
        ("volume", 12, 100 + 3006),
        ("volume", 25, 2500),
        ("graduated", 0, 0),
    ],
)
def test_tiers_decide_the_amount(shop: Shop, mode: str, quantity: int, amount: int) -> None:
    made = price(shop, billing_scheme="tiered", tiers_mode=mode, tiers=TIERS)
    assert (made.unit_amount, made.unit_amount_decimal) == (None, None)
    shown = shop.stripe.prices.retrieve(made.id, {"expand": ["tiers"]})
    assert [tier.up_to for tier in shown.tiers] == [10, 20, None]
    member = Club(shop).member(made.id, quantity=quantity)
    (item,) = member["items"].data
    assert (member.status, item.quantity) == ("active", quantity)
    assert shop.stripe.invoices.retrieve(str(member.latest_invoice)).total == amount
    assert sum(shop.admin.ledger()["totals"].values()) == amount


@pytest.mark.parametrize(
    ("rounds", "quantity", "amount"),
    [("up", 0, 0), ("up", 1, 900), ("up", 100, 900), ("up", 101, 1800), ("down", 199, 900)],
)
def test_quantities_are_billed_in_packages(
    shop: Shop, rounds: str, quantity: int, amount: int
) -> None:
    transform = {"divide_by": 100, "round": rounds}
    made = price(shop, unit_amount=900, transform_quantity=transform)
    assert made.transform_quantity is not None
    assert made.transform_quantity.to_dict() == transform
    member = Club(shop).member(made.id, quantity=quantity)
    assert member["items"].data[0].quantity == quantity
    assert shop.stripe.invoices.retrieve(str(member.latest_invoice)).total == amount
    with pytest.raises(stripe.InvalidRequestError, match="cannot be combined with tiers"):
        price(
            shop,
            billing_scheme="tiered",
            tiers_mode="volume",
            tiers=TIERS,
            transform_quantity=transform,
        )


def test_a_metered_item_has_no_quantity_and_bills_its_usage(shop: Shop) -> None:
    club = Club(shop)
    made = price(shop, unit_amount=7, recurring=MONTH | {"usage_type": "metered"}).id
    with pytest.raises(stripe.InvalidRequestError, match="Quantity should not be specified"):
        club.member(made, quantity=1)
    items: Any = [{"price": made}]
    customer = shop.customer().id
    member = shop.stripe.subscriptions.create({"customer": customer, "items": items})
    (item,) = member["items"].data
    assert "quantity" not in item
    assert shop.stripe.invoices.retrieve(str(member.latest_invoice)).total == 0
    with pytest.raises(stripe.InvalidRequestError, match="Quantity should not be specified"):
        shop.stripe.subscription_items.update(item.id, {"quantity": 2})
    shop.admin.use(item.id, 100)
    club.later(31 * 86400 + 7200)
    assert shop.admin.ledger()["totals"] == {"eur": 700}
    club.later(31 * 86400)
    assert shop.admin.ledger()["totals"] == {"eur": 700}


def test_an_option_sells_in_another_currency(shop: Shop) -> None:
    made = price(shop, unit_amount=1000, currency_options={"aud": {"unit_amount": 1700}})
    shown = shop.stripe.prices.retrieve(made.id, {"expand": ["currency_options"]})
    assert shown.currency_options["aud"].unit_amount == 1700
    club = Club(shop)
    member = club.member(made.id, currency="aud")
    assert (member.currency, member["items"].data[0].price.currency) == ("aud", "eur")
    assert shop.admin.ledger()["totals"] == {"aud": 1700}
    shop.stripe.subscription_items.update(member["items"].data[0].id, {"quantity": 2})
    club.later(31 * 86400 + 7200)
    totals = shop.admin.ledger()["totals"]
    assert totals.keys() == {"aud"}
    assert totals["aud"] == 1700 + 3400 + 1700
    with pytest.raises(stripe.InvalidRequestError, match="only supports"):
        club.member(made.id, currency="usd")
