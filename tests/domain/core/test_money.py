"""Money: whole minor units, converted in one place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.core import money
from domain.core.errors import InvalidAmount, UnknownCurrency
from domain.core.providers import Provider

_CURRENCIES = st.sampled_from(["eur", "usd", "gbp", "jpy", "krw", "vnd", "bhd", "kwd", "tnd"])
_SUMS = st.integers(-money.MAX_SUM_MINOR, money.MAX_SUM_MINOR)


@pytest.mark.parametrize(
    ("currency", "decimals"), [("eur", 2), ("usd", 2), ("huf", 2), ("jpy", 0), ("bhd", 3)]
)
def test_each_currency_has_its_own_decimals(currency: str, decimals: int) -> None:
    assert money.exponent(currency) == decimals


@pytest.mark.parametrize("currency", ["EUR", "euro", "xxx", "", "eur "])
def test_unknown_currency_codes_are_rejected(currency: str) -> None:
    with pytest.raises(UnknownCurrency) as refusal:
        money.exponent(currency)
    assert refusal.value.facts == {"currency": currency}


def test_a_provider_decides_about_amounts_in_a_currency_that_is_not_known() -> None:
    assert not money.is_known("mru")
    assert money.step_fault(1, "stripe", "mru") is None


def test_no_currency_has_two_numbers_of_decimals() -> None:
    lists = (money._ZERO_DECIMALS, money._TWO_DECIMALS, money._THREE_DECIMALS)  # noqa: SLF001 - the tables themselves are the subject
    assert sum(len(codes) for codes in lists) == len(frozenset().union(*lists))
    assert all(len(code) == 3 and code.islower() for codes in lists for code in codes)


@pytest.mark.parametrize(
    ("amount_minor", "currency", "text"),
    [
        (1999, "eur", "19.99"),
        (0, "eur", "0.00"),
        (5, "eur", "0.05"),
        (-1999, "eur", "-19.99"),
        (1999, "jpy", "1999"),
        (1999, "bhd", "1.999"),
        (1, "bhd", "0.001"),
        (money.MAX_SUM_MINOR, "eur", "92233720368547758.07"),
    ],
)
def test_amounts_are_written_with_exactly_the_currency_s_decimals(
    amount_minor: int, currency: str, text: str
) -> None:
    assert money.to_major(amount_minor, currency) == text
    assert money.from_major(text, currency) == amount_minor


@given(_SUMS, _CURRENCIES)
def test_every_sum_survives_being_written_and_read(amount_minor: int, currency: str) -> None:
    text = money.to_major(amount_minor, currency)
    assert money.from_major(text, currency) == amount_minor
    assert "e" not in text.lower()
    _, _, decimals = text.partition(".")
    assert len(decimals) == money.exponent(currency)


@pytest.mark.parametrize(
    ("text", "currency", "amount_minor"),
    [("5", "eur", 500), ("1.5", "eur", 150), ("7.0", "jpy", 7)],
)
def test_decimals_may_be_left_out_or_be_zero(text: str, currency: str, amount_minor: int) -> None:
    assert money.from_major(text, currency) == amount_minor


@pytest.mark.parametrize(
    ("text", "currency"),
    [("1.005", "eur"), ("0.5", "jpy"), ("1.0001", "bhd"), ("0.000000001", "eur")],
)
def test_decimals_that_the_currency_does_not_have_are_refused(text: str, currency: str) -> None:
    with pytest.raises(InvalidAmount) as refusal:
        money.from_major(text, currency)
    assert refusal.value.facts == {"amount": text, "currency": currency}


@pytest.mark.parametrize(
    "text",
    ["", "abc", "nan", "sNaN", "inf", "-Infinity", "1e3", "1_000", " 5", "5\n", "+5", "1,5", "1.",
     ".5", "٣", "--1", "0x10", "9" * 40],
)  # fmt: skip
def test_an_amount_must_be_a_plain_number(text: str) -> None:
    with pytest.raises(InvalidAmount):
        money.from_major(text, "eur")


@pytest.mark.parametrize("text", ["92233720368547758.08", "-92233720368547758.08", "9" * 19])
def test_numbers_beyond_64_bits_are_rejected(text: str) -> None:
    with pytest.raises(InvalidAmount):
        money.from_major(text, "eur")


@given(st.text(max_size=30), _CURRENCIES)
def test_reading_any_text_gives_an_amount_or_a_refusal(text: str, currency: str) -> None:
    try:
        amount_minor = money.from_major(text, currency)
    except InvalidAmount:
        return
    assert abs(amount_minor) <= money.MAX_SUM_MINOR


@given(st.integers(0, money.MAX_AMOUNT_MINOR), st.integers(1, money.MAX_QUANTITY))
def test_every_line_that_may_be_requested_fits(amount_minor: int, quantity: int) -> None:
    assert money.line_total(amount_minor, quantity) == amount_minor * quantity


@pytest.mark.parametrize(("amount_minor", "quantity"), [(2**62, 2), (-(2**62), 2), (2**63, 1)])
def test_a_line_beyond_64_bits_is_refused(amount_minor: int, quantity: int) -> None:
    with pytest.raises(InvalidAmount):
        money.line_total(amount_minor, quantity)


def test_the_greatest_sums_fit() -> None:
    assert money.line_total(money.MAX_SUM_MINOR, 1) == 2**63 - 1
    assert money.line_total(-money.MAX_SUM_MINOR, 1) == -(2**63) + 1


@pytest.mark.parametrize(
    ("provider", "currency", "step_minor"),
    [
        ("stripe", "eur", 1), ("mollie", "eur", 1),
        ("stripe", "jpy", 1), ("mollie", "jpy", 1),
        ("stripe", "isk", 100), ("mollie", "isk", 100),
        ("stripe", "ugx", 100),
        ("stripe", "huf", 1), ("mollie", "huf", 1),
        ("stripe", "twd", 1), ("mollie", "twd", 1),
        ("stripe", "bhd", 10), ("stripe", "kwd", 10),
    ],
)  # fmt: skip
def test_amounts_are_multiples_of_the_providers_step(
    provider: Provider, currency: str, step_minor: int
) -> None:
    assert money.step_minor(provider, currency) == step_minor
    assert money.step_fault(12 * step_minor, provider, currency) is None
    assert money.step_fault(0, provider, currency) is None
    for amount in (1, step_minor + 1, 5 * step_minor - 1):
        assert (money.step_fault(amount, provider, currency) is None) is (step_minor == 1)


def test_the_rule_names_the_currency_and_the_zeros() -> None:
    assert money.step_fault(50_050, "mollie", "isk") == "must end in 00 in isk"
    assert money.step_fault(1999, "stripe", "bhd") == "must end in 0 in bhd"


def test_ugx_has_two_decimals_as_in_stripes_api() -> None:
    assert money.to_major(500, "ugx") == "5.00"
