"""Money as integers of the currency's minor unit; this module alone converts."""

from __future__ import annotations

import re
from decimal import Decimal

from domain.core.errors import InvalidAmount, UnknownCurrency
from domain.core.providers import Provider

# Decimals of amounts in Stripe's API; ISO 4217 where they agree. UGX and ISK have no decimals in
# ISO 4217 but two here, as at Stripe: their amounts must end in 00.
_ZERO_DECIMALS = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
_THREE_DECIMALS = frozenset("bhd jod kwd omr tnd".split())
_TWO_DECIMALS = frozenset(
    """aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad
    cdf chf cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl hrk
    htg huf idr ils inr isk jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur
    mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr
    sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah ugx usd uyu uzs wst xcd xcg yer
    zar zmw""".split()
)

# Stripe docs, supported currencies, special cases: charges and refunds in whole units alone. HUF
# and TWD are charged with decimals; only their payouts are in whole units.
_WHOLE_AT_STRIPE = frozenset({"isk", "ugx"})
# Mollie docs, multicurrency: currencies that Mollie accepts without decimals.
_WHOLE_AT_MOLLIE = frozenset({"isk", "jpy"})

MAX_AMOUNT_MINOR = 99_999_999
MAX_QUANTITY = 1_000_000
MAX_SUM_MINOR = 2**63 - 1
ONE_PPM = 1_000_000

_MAJOR = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,9})?")


def exponent(currency: str) -> int:
    """Return how many decimals the currency (lower-case ISO code) has: 0, 2 or 3."""
    if currency in _TWO_DECIMALS:
        return 2
    if currency in _ZERO_DECIMALS:
        return 0
    if currency in _THREE_DECIMALS:
        return 3
    raise UnknownCurrency(currency=currency)


def is_known(currency: str) -> bool:
    """Return whether amounts in a currency can be converted."""
    return currency in _TWO_DECIMALS | _ZERO_DECIMALS | _THREE_DECIMALS


def to_major(amount_minor: int, currency: str) -> str:
    """Write an amount in major units, for example 1999 eur as `19.99`."""
    return str(Decimal(amount_minor).scaleb(-exponent(currency)))


def from_major(text: str, currency: str) -> int:
    """Read `19.99` as 1999. Raises InvalidAmount.

    Refused: decimals that the currency does not have, anything but plain digits (no exponent, no
    grouping), and what 64 bits cannot hold.
    """
    if _MAJOR.fullmatch(text) is None:
        raise InvalidAmount(amount=text, currency=currency)
    scaled = Decimal(text).scaleb(exponent(currency))
    if scaled != scaled.to_integral_value() or abs(scaled) > MAX_SUM_MINOR:
        raise InvalidAmount(amount=text, currency=currency)
    return int(scaled)


def line_total(amount_minor: int, quantity: int) -> int:
    """Return quantity times unit amount; what 64 bits cannot hold is refused."""
    total = amount_minor * quantity
    if not -MAX_SUM_MINOR <= total <= MAX_SUM_MINOR:
        raise InvalidAmount(amount=str(total), currency="")
    return total


def step_minor(provider: Provider, currency: str) -> int:
    """Return the amount of which a provider's charges and refunds must be multiples.

    100 for a currency with two decimals that the provider accepts in whole units alone, 10 for
    one with three decimals, else 1: of a currency that is not known here, in which an invoice can
    be made at the provider, the provider decides.
    """
    whole = _WHOLE_AT_MOLLIE if provider == "mollie" else _WHOLE_AT_STRIPE
    try:
        decimals = exponent(currency)
    except UnknownCurrency:
        return 1
    if currency in whole:
        return int(10**decimals)
    return 10 if decimals == 3 else 1  # noqa: PLR2004 - decimals


def step_fault(amount_minor: int, provider: Provider, currency: str) -> str | None:
    """Return the rule that an amount breaks at a provider; None if it can be charged or refunded.

    For example `must end in 00 in isk`.
    """
    step = step_minor(provider, currency)
    return f"must end in {str(step)[1:]} in {currency}" if amount_minor % step else None


def to_mollie(amount_minor: int, currency: str) -> str:
    """Write an amount with the decimals that Mollie requires. Raises InvalidAmount."""
    if step_fault(amount_minor, "mollie", currency) is not None:
        raise InvalidAmount(amount=str(amount_minor), currency=currency)
    written = to_major(amount_minor, currency)
    return written.partition(".")[0] if currency in _WHOLE_AT_MOLLIE else written


def tax_on(net_minor: int, rate_ppm: int, *, step_minor: int = 1) -> int:
    """Return the tax that comes on top of an amount, rounded half up to whole steps."""
    return _rounded(net_minor * rate_ppm, ONE_PPM * step_minor) * step_minor


def tax_within(gross_minor: int, rate_ppm: int, *, step_minor: int = 1) -> int:
    """Return the tax that an amount contains, rounded half up to whole steps.

    Mollie docs, payment lines: totalAmount * (vatRate / (100 + vatRate)).
    """
    return _rounded(gross_minor * rate_ppm, (ONE_PPM + rate_ppm) * step_minor) * step_minor


def percentage(rate_ppm: int) -> str:
    """Write a rate in per cent with two decimals, or with more where it has more: `21.00`."""
    whole, rest = divmod(rate_ppm, 10_000)
    return f"{whole}.{f'{rest:04}'[:2]}{f'{rest:04}'[2:].rstrip('0')}"


def _rounded(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
