"""Times, dates and intervals in Mollie's formats."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta

from sandbox.mollie.core.errors import invalid

INTERVAL = re.compile(r"(\d+) (day|week|month)s?")
LONGEST = {"day": 365, "week": 52, "month": 12}


def shown(moment: float) -> str:
    """Formats a time, such as ``2024-03-20T09:13:37+00:00``."""
    return datetime.fromtimestamp(int(moment), UTC).isoformat()


def day_of(moment: float) -> date:
    """Returns the day of a time."""
    return datetime.fromtimestamp(moment, UTC).date()


def start_of(day: date) -> int:
    """Returns a day's first second."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def parse_day(text: str, *, field: str) -> date:
    """Parses ``YYYY-MM-DD``, or raises Unprocessable."""
    try:
        # Stricter than fromisoformat, which accepts 20261130 and week dates too.
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as fault:
        raise invalid(field, "a date looks like 2026-11-30") from fault


def parse_interval(text: str) -> tuple[int, str]:
    """Parses an interval, at most a year (Mollie docs: create a subscription)."""
    found = INTERVAL.fullmatch(text)
    if found is None:
        raise invalid("interval", "an interval looks like '14 days' or '1 month'")
    count, unit = int(found[1]), found[2]
    if not 1 <= count <= LONGEST[unit]:
        raise invalid("interval", "an interval is a year at most")
    return count, unit


def after(day: date, interval: str, *, times: int) -> date:
    """Returns the day a number of intervals later.

    Months are counted from the first day, so the 31st stays the last day of the month.
    """
    count, unit = parse_interval(interval)
    if unit == "month":
        months = day.year * 12 + day.month - 1 + count * times
        year, month = divmod(months, 12)
        last = calendar.monthrange(year, month + 1)[1]
        return date(year, month + 1, min(day.day, last))
    return day + timedelta(days=count * times * (7 if unit == "week" else 1))
