"""Texts of figures: each amount with its currency, each time with its zone, each count in full."""

from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from domain.core import money
from domain.core.errors import UnknownCurrency
from eventlog.security.safe_json import without_secrets

NONE: Final = "–"  # noqa: RUF001 - typography
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 24 * _HOUR_S
_SECOND_MS: Final = 1000


def amount(minor: int | None, currency: str | None) -> str:
    """Write an amount, as in `1,234.50 EUR`; a dash where there is none."""
    if minor is None or currency is None:
        return NONE
    try:
        decimals = money.exponent(currency)
    except UnknownCurrency:
        return f"{minor:,} {currency.upper()} (minor units)"
    whole, rest = divmod(abs(minor), 10**decimals)
    text = f"{whole:,}" + (f".{rest:0{decimals}}" if decimals else "")
    sign = "−" if minor < 0 else ""  # noqa: RUF001 - typography
    return f"{sign}{text} {currency.upper()}"


def short_amount(minor: int, currency: str) -> str:
    """Write an amount for an axis, as in `12.3k EUR`."""
    try:
        value = minor / 10 ** money.exponent(currency)
    except UnknownCurrency:
        value = float(minor)
    for size, letter in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter} {currency.upper()}"
    return f"{value:.3g} {currency.upper()}"


def count(items: int | None) -> str:
    """Write a count with separators."""
    return NONE if items is None else f"{items:,}"


def percent(share: float | None) -> str:
    """Write a share in per cent with one decimal."""
    return NONE if share is None else f"{share * 100:.1f} %"


def when(occurred_at: datetime | None, zone: str = "UTC") -> str:
    """Write a time to the second in a time zone, and the zone's abbreviation.

    In UTC where the time is at an end of the calendar, beyond which it would be in the zone.
    """
    if occurred_at is None:
        return NONE
    try:
        local = occurred_at.astimezone(ZoneInfo(zone))
    except OverflowError:
        local = occurred_at.astimezone(UTC)
    return local.strftime("%Y-%m-%d %H:%M:%S %Z")


def iso(occurred_at: datetime | None) -> str:
    """Write a time for machines."""
    return "" if occurred_at is None else occurred_at.astimezone(UTC).isoformat()


def duration(milliseconds: float | None) -> str:
    """Write a duration with its unit, as in `340 ms`, `2.4 s`, `3 h 5 min`."""
    if milliseconds is None:
        return NONE
    if milliseconds < _SECOND_MS:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / _SECOND_MS
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S:.0f} min {seconds % _MINUTE_S:.0f} s"
    if seconds < _DAY_S:
        return f"{seconds // _HOUR_S:.0f} h {seconds % _HOUR_S // _MINUTE_S:.0f} min"
    return f"{seconds // _DAY_S:.0f} d {seconds % _DAY_S // _HOUR_S:.0f} h"


def words(name: str) -> str:
    """Write an identifier as words: `requires_action` becomes `requires action`."""
    return name.replace("_", " ").replace(".", " ")


# ISO 20022 reasons of banks, and names of methods that do not read as words.
_REASONS: Final = {
    "AC01": "wrong account number", "AC04": "closed account", "AC06": "blocked account",
    "AG01": "debit not allowed", "AM04": "insufficient funds", "MD01": "no mandate",
    "MD06": "reversed by the payer", "MD07": "payer deceased", "MS02": "refused by the payer",
    "MS03": "no reason given",
}  # fmt: skip
_METHODS: Final = {
    "creditcard": "card", "directdebit": "SEPA Direct Debit", "sepa_debit": "SEPA Direct Debit",
    "ideal": "iDEAL", "bancontact": "Bancontact", "paypal": "PayPal", "eps": "eps",
    "banktransfer": "bank transfer", "saved method": "saved at Stripe",
}  # fmt: skip


def reason(code: str) -> str:
    """Write the reason of a decline: words, and a bank's code with its meaning."""
    return f"{_REASONS[code]} ({code})" if code in _REASONS else words(code)


def method(name: str) -> str:
    """Write a payment method's name; the id of a saved one stays."""
    return name if name.startswith("pm_") else _METHODS.get(name, words(name))


def moment(text: object) -> datetime | None:
    """Read a time of an event's data, ISO 8601 or Unix seconds; None if there is none."""
    if isinstance(text, int):
        return datetime.fromtimestamp(text, UTC)
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def cut(text: str | None) -> str:
    """Write what a provider or an error said, without secrets; a dash for nothing."""
    return str(without_secrets({"text": text})["text"]) if text else NONE


def json(value: dict[str, Any]) -> str:
    """Write a value as indented JSON, without secrets."""
    return orjson.dumps(without_secrets(value), option=orjson.OPT_INDENT_2, default=str).decode()


# Tabler's colour of each status; the status is always written as well.
_COLORS: Final = {
    "paid": "green", "active": "green", "applied": "green", "succeeded": "green", "won": "green",
    "open": "blue", "requested": "blue", "trialing": "blue", "pending": "blue",
    "processing": "azure", "requires_action": "yellow", "draft": "secondary",
    "failed": "red", "rejected": "red", "dead": "red", "lost": "red", "gave_up": "red",
    "healthy": "green", "resolved": "green", "unresolved": "red", "disabled": "red",
    "missing": "red", "misconfigured": "orange",
    "past_due": "orange", "parked": "orange", "unpaid": "orange", "uncollectible": "orange",
}  # fmt: skip


def color(status: str) -> str:
    """Name the colour of a status."""
    return _COLORS.get(status, "secondary")
