"""Charge intervals: date arithmetic and Mollie's notation; conversion of provider times."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, cast

Interval = Literal["day", "week", "month", "year"]

# Mollie docs, create subscription: an interval is a year at most.
_AT_MOST: Final[dict[Interval, int]] = {"day": 365, "week": 52, "month": 12, "year": 1}
_WRITTEN: Final = re.compile(r"([0-9]{1,3}) (day|week|month)s?")
_MONTHS: Final[dict[Interval, int]] = {"month": 1, "year": 12}


def after(day: date, interval: str, count: int, *, billing_day: int = 1) -> date:
    """Return the day one interval later; a month's last day stands for those that it lacks.

    `billing_day`: the day of the month for which `day` stands where it is its month's last one:
    of the 31st, March 31st is a month after February 28th.
    """
    step = cast("Interval", interval)
    if step not in _MONTHS:
        return day + timedelta(days=count * (7 if step == "week" else 1))
    years, month = divmod(day.month - 1 + count * _MONTHS[step], 12)
    year, month = day.year + years, month + 1
    is_last = day.day == monthrange(day.year, day.month)[1]
    of_month = max(day.day, billing_day) if is_last else day.day
    return date(year, month, min(of_month, monthrange(year, month)[1]))


def to_mollie(interval: str, count: int) -> str | None:
    """Write an interval in Mollie's notation; None for an unsupported one."""
    step = cast("Interval", interval)
    if not 1 <= count <= _AT_MOST.get(step, 0):
        return None
    if step == "year":
        return "12 months"
    return f"{count} {step}" if count == 1 else f"{count} {step}s"


def from_mollie(written: str) -> tuple[Interval, int]:
    """Parse an interval in Mollie's notation. Raises ValueError."""
    read = _WRITTEN.fullmatch(written)
    if read is None:
        raise ValueError(written)
    return cast("Interval", read[2]), int(read[1])


def equal(one: tuple[str, int], other: tuple[str, int]) -> bool:
    """Return whether two intervals are equal: a year is twelve months."""
    return _plain(*one) == _plain(*other)


def _plain(interval: str, count: int) -> tuple[str, int]:
    return ("month", 12 * count) if interval == "year" else (interval, count)


# Providers' times.


def to_unix(moment: datetime | None) -> int | None:
    """Convert a moment to Unix seconds, as providers give them."""
    return None if moment is None else int(moment.timestamp())


def from_unix(seconds: int | None) -> datetime | None:
    """Convert a provider's time; None if it is out of range, because a fold never raises."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
