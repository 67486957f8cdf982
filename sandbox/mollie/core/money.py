"""Amounts: Mollie's decimal strings on the wire, integer minor units internally."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from sandbox.common.store import Json
from sandbox.mollie.core.errors import Unprocessable

# Mollie docs, multicurrency: the supported currencies; all but two have two decimals.
CURRENCIES = frozenset(
    (
        "AED AUD BGN BRL CAD CHF CZK DKK EUR GBP HKD HUF ILS ISK JPY MXN MYR NOK NZD PHP PLN RON"
        " RUB SEK SGD THB TWD USD ZAR"
    ).split()
)
WITHOUT_DECIMALS = frozenset({"ISK", "JPY"})


def decimals(currency: str) -> int:
    """Returns the number of decimals of a currency."""
    return 0 if currency in WITHOUT_DECIMALS else 2


def minor(amount: Json, *, field: str = "amount") -> int:
    """Returns an amount in minor units.

    Raises Unprocessable if the currency is unknown or the number of decimals is not the currency's.
    """
    currency, value = amount["currency"], amount["value"]
    if currency not in CURRENCIES:
        raise Unprocessable(f"The currency '{currency}' is not supported", field=field)
    digits = decimals(currency)
    pattern = r"-?\d{1,12}" + (rf"\.\d{{{digits}}}" if digits else "")
    if not re.fullmatch(pattern, value):
        raise Unprocessable("The amount contains an invalid value", field=field)
    return int(value.replace(".", ""))


def shown(amount_minor: int, currency: str) -> Json:
    """Formats minor units as a Mollie amount, such as ``{"value": "10.00", …}``."""
    value = Decimal(amount_minor).scaleb(-decimals(currency))
    return {"value": f"{value:.{decimals(currency)}f}", "currency": currency}


def captured(payment: Json) -> int:
    """Returns the amount taken from the payer: what was captured, or the amount if all was."""
    taken = payment.get("amountCaptured")
    if taken is None:
        taken = payment["amount"] if payment["status"] == "paid" else shown(0, _currency(payment))
    return minor(taken)


def _currency(payment: Json) -> str:
    return str(payment["amount"]["currency"])


def included_tax(total_minor: int, rate: Decimal) -> int:
    """Returns the tax contained in an amount at a rate in per cent, rounded half up."""
    exact = total_minor * rate / (100 + rate)
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
