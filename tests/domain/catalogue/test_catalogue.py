"""Prices and tax rates of an app's catalogue."""

from typing import Any

import pytest

from domain.catalogue.catalogue import (
    Price,
    PriceChanged,
    PriceCreated,
    TaxRate,
    TaxRateChanged,
    TaxRateCreated,
)
from domain.catalogue.commands import SetPrice, SetTaxRate
from domain.core import ids
from tests.domain.event_examples import EXAMPLES
from tests.domain.given import START, Decided, Given, happened, moment
from tests.domain.subscription_examples import APP_ID

NOW = moment(60)
PRICE = happened(PriceCreated)
TAX_RATE = happened(TaxRateCreated)


def _price(**changes: Any) -> SetPrice:
    return SetPrice(**EXAMPLES[PriceCreated] | changes)


def _tax_rate(**changes: Any) -> SetTaxRate:
    return SetTaxRate(**EXAMPLES[TaxRateCreated] | changes)


def _change_price(**changes: Any) -> Decided[Price, None]:
    return Given(Price, PRICE).when(lambda price: price.change(_price(**changes), occurred_at=NOW))


def _change_tax_rate(**changes: Any) -> Decided[TaxRate, None]:
    return Given(TaxRate, TAX_RATE).when(
        lambda rate: rate.change(_tax_rate(**changes), occurred_at=NOW)
    )


def test_a_price_is_made_under_the_id_that_app_and_name_give() -> None:
    (
        Given.made(Price.create(_price(), occurred_at=START))
        .when(lambda _: None)
        .then(happened(PriceCreated, originator_id=ids.for_price(APP_ID, "price_pro")))
        .showing(price_id="price_pro", amount_minor=1999, currency="eur", interval="month")
    )


def test_a_tax_rate_is_made_under_the_id_that_app_and_name_give() -> None:
    (
        Given.made(TaxRate.create(_tax_rate(), occurred_at=START))
        .when(lambda _: None)
        .then(happened(TaxRateCreated, originator_id=ids.for_tax_rate(APP_ID, "txr_standard")))
        .showing(tax_rate_id="txr_standard", rate_ppm=190_000, inclusive=False)
    )


def test_the_same_again_leaves_no_event() -> None:
    _change_price().then()
    _change_tax_rate().then()


@pytest.mark.parametrize(
    "change",
    [
        {"name": None},
        {"currency": "usd"},
        {"amount_minor": 0},
        {"interval": None},
        {"interval_count": 2},
    ],
)
def test_each_term_of_a_price_can_be_replaced(change: dict[str, Any]) -> None:
    _change_price(**change).then(happened(PriceChanged, **change)).showing(**change)


@pytest.mark.parametrize("change", [{"name": None}, {"rate_ppm": 77_500}, {"inclusive": True}])
def test_each_term_of_a_tax_rate_can_be_replaced(change: dict[str, Any]) -> None:
    _change_tax_rate(**change).then(happened(TaxRateChanged, **change)).showing(**change)


def test_a_price_and_a_tax_rate_of_one_name_are_two_things() -> None:
    assert ids.for_price(APP_ID, "x") != ids.for_tax_rate(APP_ID, "x")
