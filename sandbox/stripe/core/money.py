"""Amounts: rounding to minor units, and Stripe's minimum charges."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from sandbox.stripe.core.errors import InvalidRequest

ZERO_DECIMAL = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
THREE_DECIMALS = frozenset("bhd jod kwd omr tnd".split())
MAX_AMOUNT = 99_999_999

# Stripe's minimum charge by currency, in minor units; 50 for other currencies.
MINIMUM = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
    "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200,
    "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip

# Stripe docs, supported currencies: ISK and UGX keep two decimals, and have none; the last digit
# of three decimals is 0. The same holds for refunds.
STEP = {"isk": 100, "ugx": 100} | dict.fromkeys(THREE_DECIMALS, 10)


def minimum(currency: str) -> int:
    """Returns the minimum charge of a currency, in minor units."""
    return MINIMUM.get(currency, 50)


def check_charge(amount: int, currency: str) -> None:
    """Raises InvalidRequest for an amount that Stripe charges in no case."""
    if amount > MAX_AMOUNT:
        raise InvalidRequest(
            f"Amount must be no more than {shown(MAX_AMOUNT, currency)}",
            code="amount_too_large",
            param="amount",
        )
    if amount < minimum(currency):
        raise InvalidRequest(
            f"Amount must be at least {shown(minimum(currency), currency)}",
            code="amount_too_small",
            param="amount",
        )
    check_step(amount, currency)


def check_step(amount: int, currency: str) -> None:
    """Raises InvalidRequest unless an amount is a multiple of the currency's smallest unit."""
    step = STEP.get(currency, 1)
    if amount % step:
        raise InvalidRequest(
            f"Invalid amount for {currency}: it must be a multiple of {step}.",
            code="invalid_charge_amount",
            param="amount",
        )


def whole(amount: Decimal) -> int:
    """Rounds to minor units, half up (away from zero)."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def plain(amount: Decimal) -> str:
    """Formats a decimal as Stripe does: no exponent, no trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown(amount: int, currency: str) -> str:
    """Formats an amount for display, such as ``19.99 EUR`` or ``1.990 KWD``."""
    decimals = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMALS else 2
    return f"{Decimal(amount).scaleb(-decimals):.{decimals}f} {currency.upper()}"
