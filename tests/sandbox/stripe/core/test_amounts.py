"""Amounts as pages, documents and descriptions show them."""

import pytest

from sandbox.stripe.core.money import shown


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1999, "eur", "19.99 EUR"),
        (5, "eur", "0.05 EUR"),
        (-5, "eur", "-0.05 EUR"),
        (0, "eur", "0.00 EUR"),
        (99_999_999, "usd", "999999.99 USD"),
        (1999, "jpy", "1999 JPY"),
        (-3, "jpy", "-3 JPY"),
        (12_340, "kwd", "12.340 KWD"),
        (-10, "bhd", "-0.010 BHD"),
        (500, "isk", "5.00 ISK"),
    ],
)
def test_an_amount_has_its_currencys_decimals(amount: int, currency: str, text: str) -> None:
    assert shown(amount, currency) == text
