"""Test monthly recurring revenue against sums computed by hand and in fractions."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.core import money
from domain.core.calendar import Interval
from domain.gateway.subscriptions import Discount, SubscriptionItem
from domain.subscriptions.recurring_revenue import monthly_minor
from tests.domain.subscriptions.provider_updates import MONTHLY, standing


def item(amount: int, interval: Interval = "month", count: int = 1, **more: Any) -> Any:
    given_ = {"amount_minor": amount, "quantity": 1, "interval": interval, "interval_count": count}
    return replace(MONTHLY, **given_ | more)


def percent(off: float) -> Discount:
    return Discount(percent=Decimal(str(off)))


def amount(off_minor: int) -> Discount:
    return Discount(amount_minor=off_minor)


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([item(1999)], 1999),
        ([item(1999, quantity=3)], 5997),
        ([item(12000, "year")], 1000),
        ([item(10000, "year")], 833),
        ([item(10006, "year")], 834),  # 833.8
        ([item(6, "year")], 1),  # half a cent is one
        ([item(5, "year")], 0),
        ([item(3000, "month", 3)], 1000),
        ([item(24000, "year", 2)], 1000),
        ([item(300, "week")], 1300),
        ([item(300, "week", 2)], 650),
        ([item(100, "day")], 3042),  # 365 / 12 days
        ([item(100, "day", 30)], 101),
        ([item(1210, inclusive_tax_ppm=210_000)], 1000),
        ([item(1000, inclusive_tax_ppm=210_000)], 826),
        ([item(1000), item(12000, "year")], 2000),
        ([], 0),
        ([item(0)], 0),
    ],
)
def test_each_interval_comes_to_its_month(items: list[SubscriptionItem], expected: int) -> None:
    assert monthly_minor(standing(items=tuple(items))) == expected


@pytest.mark.parametrize(
    ("items", "discounts", "expected"),
    [
        ([item(1999)], [percent(25)], 1499),
        ([item(1999)], [percent(100)], 0),
        ([item(1999)], [amount(500)], 1499),
        ([item(1999)], [amount(5000)], 0),
        ([item(12000, "year")], [amount(1200)], 900),  # off what comes in a year
        ([item(3000, "month", 3)], [percent(10), amount(300)], 800),
        ([item(1000)], [percent(50), amount(100)], 400),
        ([item(1000)], [amount(100), percent(50)], 450),
        ([item(1000, discounts=(amount(1500),)), item(300)], [], 300),  # no more than its item
        ([item(1000, discounts=(percent(50),)), item(500)], [amount(100)], 900),
        ([item(333), item(333)], [percent(50)], 332),  # each line rounds its 166.5 off
        ([item(1210, inclusive_tax_ppm=210_000)], [amount(605)], 500),
        ([item(1000), item(12000, "year")], [amount(2400)], 1800),
        ([item(1000)], [Discount()], None),
        ([item(1000, discounts=(Discount(),))], [], None),
    ],
)
def test_discounts_are_taken_off(
    items: list[SubscriptionItem], discounts: list[Discount], expected: int | None
) -> None:
    discounted = standing(items=tuple(items), discounts=tuple(discounts))
    assert monthly_minor(discounted) == expected


_YEARS = {"day": Fraction(365), "week": Fraction(52), "month": Fraction(12), "year": Fraction(1)}
_ITEMS = st.lists(
    st.builds(
        item,
        st.integers(0, 10**9),
        st.sampled_from(["day", "week", "month", "year"]),
        st.integers(1, 12),
        quantity=st.integers(1, 1000),
        inclusive_tax_ppm=st.integers(0, 10**6),
    ),
    max_size=4,
)


def _net_line(line_minor: int, off: Fraction) -> Fraction:
    """Subtract a percentage of a line, rounded half up."""
    return Fraction(line_minor - int(line_minor * off + Fraction(1, 2)))


@given(_ITEMS, st.integers(0, 10**6))
def test_a_month_is_the_twelfth_part_of_a_year_rounded_once(
    items: list[SubscriptionItem], off_ppm: int
) -> None:
    off = Fraction(off_ppm, 10**6)
    yearly = sum(
        (
            _net_line(one.amount_minor * one.quantity, off)
            * Fraction(10**6, 10**6 + one.inclusive_tax_ppm)
            * _YEARS[one.interval]
            / one.interval_count
            for one in items
        ),
        Fraction(0),
    )
    exact = yearly / 12
    discount = Discount(percent=Decimal(off_ppm) / 10_000)
    seen = monthly_minor(standing(items=tuple(items), discounts=(discount,)))
    assert abs(seen - exact) <= Fraction(1, 2)
    assert seen - exact != -Fraction(1, 2), "half a cent is rounded up"


@given(st.integers(0, 10**12), st.integers(1, 100))
def test_a_plain_monthly_price_is_itself(amount: int, quantity: int) -> None:
    plain = standing(items=(item(amount, quantity=quantity),))
    assert monthly_minor(plain) == amount * quantity


@given(st.integers(0, 10**9))
def test_inclusive_tax_is_taken_out_as_an_accountant_would(amount: int) -> None:
    taxed = standing(items=(item(amount, inclusive_tax_ppm=190_000),))
    net = (Decimal(amount) / Decimal("1.19")).quantize(Decimal(1), ROUND_HALF_UP)
    assert monthly_minor(taxed) == int(net)


def test_no_sum_outgrows_what_a_row_can_hold() -> None:
    huge = standing(items=(item(2**62, quantity=10**6),))
    assert monthly_minor(huge) == money.MAX_SUM_MINOR
