"""Sums are exact whatever the tax: by the rule that Mollie holds lines against."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue.pricing import Charge, NotChargeable, charge_for
from domain.core import money
from domain.core.errors import InvalidAmount
from domain.gateway.objects import PaymentDraft
from sandbox.mollie.payments.lines import check
from sandbox.mollie.payments.payments import CreatePayment
from workers.providers.mollie.gateway import _params

LARGEST_RATE_PPM = 999_900


@dataclass(frozen=True)
class Terms:
    """A price or a tax rate."""

    currency: str = "eur"
    amount_minor: int = 1999
    name: str | None = None
    interval: str | None = None
    interval_count: int = 1
    rate_ppm: int = 210_000
    inclusive: bool = False


def line(**more: Any) -> dict[str, Any]:
    empty = {"name": None, "quantity": 1, "price": None, "amount_minor": None, "currency": None}
    return empty | more


currencies = st.sampled_from(["eur", "usd", "jpy", "isk", "huf"])


@st.composite
def charges(draw: st.DrawFn) -> Charge:
    currency = draw(currencies)
    step = money.step_minor("mollie", currency)
    lines = [
        line(
            quantity=draw(st.integers(1, 10_000)),
            amount_minor=draw(st.integers(0, 99_999)) * step,
            currency=currency,
        )
        for _ in range(draw(st.integers(1, 8)))
    ]
    # Rates of more decimals than two are Mollie's to accept; the sums hold for them as well.
    tax = draw(
        st.none()
        | st.builds(
            Terms,
            rate_ppm=st.integers(0, LARGEST_RATE_PPM),
            inclusive=st.booleans(),
        )
    )
    return charge_for(lines, prices={}, tax=tax)


@given(charges())
def test_each_lines_tax_is_what_mollie_expects_to_the_unit(charge: Charge) -> None:
    step = money.step_minor("mollie", charge.currency)
    for item in charge.lines:
        rate = Decimal(charge.rate_ppm or 0) / 10_000
        exact = Decimal(item.gross_minor) / step * rate / (100 + rate)
        expected = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)) * step
        assert item.tax_minor == expected
        assert item.gross_minor - item.amount_minor in (0, item.tax_minor)


def test_added_tax_is_in_the_currencys_whole_steps() -> None:
    charge = charge_for(
        [line(amount_minor=11_000, currency="isk")], prices={}, tax=Terms(rate_ppm=50_000)
    )
    assert [item.tax_minor for item in charge.lines] == [600]


@given(charges())
def test_what_is_sent_holds_in_the_sandbox(charge: Charge) -> None:
    draft = PaymentDraft(
        charge=charge,
        customer="cst_1",
        description="Order",
        method=None,
        mandate=None,
        redirect_url="https://shop.example/",
        webhook_url=None,
        metadata={},
    )

    sent = CreatePayment.model_validate(_params(draft))

    check(sent.lines or [], amount=sent.amount)
    assert sent.amount.value == money.to_mollie(charge.total_minor, charge.currency)


@given(st.integers(0, 10**9), st.sampled_from([1, 100]), st.integers(0, LARGEST_RATE_PPM))
def test_tax_that_is_added_is_the_tax_that_is_contained(
    steps: int, step: int, rate_ppm: int
) -> None:
    net = steps * step
    tax = money.tax_on(net, rate_ppm, step_minor=step)

    assert money.tax_within(net + tax, rate_ppm, step_minor=step) == tax


@given(st.integers(0, LARGEST_RATE_PPM))
def test_a_rate_is_written_exactly(rate_ppm: int) -> None:
    written = money.percentage(rate_ppm)

    assert Decimal(written) * 10_000 == rate_ppm
    assert len(written.partition(".")[2]) >= 2


@given(st.integers(0, 10**12), currencies)
def test_an_amount_is_read_as_it_was_written(steps: int, currency: str) -> None:
    amount = steps * money.step_minor("mollie", currency)

    assert money.from_major(money.to_mollie(amount, currency), currency) == amount


def test_decimals_that_mollie_does_not_support_are_rejected() -> None:
    with pytest.raises(InvalidAmount):
        money.to_mollie(250_050, "isk")


@pytest.mark.parametrize(
    ("lines", "kind", "code", "path"),
    [
        ([line(price="none")], "payment", "price_unknown", "lineItems.0.price"),
        (
            [line(price="once"), line(price="monthly")],
            "payment",
            "price_recurring",
            "lineItems.1.price",
        ),
        ([line(price="once")], "subscription", "price_not_recurring", "lineItems.0.price"),
        (
            [line(amount_minor=1, currency="eur")],
            "subscription",
            "price_missing",
            "lineItems.0.price",
        ),
        (
            [line(price="monthly"), line(price="yearly")],
            "subscription",
            "intervals_mixed",
            "lineItems.1.price",
        ),
        (
            [line(price="once"), line(price="dollars")],
            "payment",
            "currencies_mixed",
            "lineItems.1.price",
        ),
    ],
    ids=["unknown", "recurring", "once", "no price", "intervals", "currencies"],
)
def test_what_cannot_be_charged_names_the_field(
    lines: list[dict[str, Any]], kind: str, code: str, path: str
) -> None:
    prices = {
        "once": Terms(),
        "monthly": Terms(interval="month"),
        "yearly": Terms(interval="year"),
        "dollars": Terms(currency="usd"),
    }

    with pytest.raises(NotChargeable) as refused:
        charge_for(lines, prices=prices, tax=None, recurring=kind == "subscription")

    assert (refused.value.code, refused.value.path) == (code, path)
