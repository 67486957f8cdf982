"""Divide a period of payments into the days and months that indexes have."""

from datetime import date, timedelta
from typing import Final

_MOST_DAYS: Final = 100


def divide(start: date, end: date) -> tuple[list[date], list[date]]:
    """Return the days of a period, or the days at its ends and the months between (first days)."""
    months: list[date] = []
    days = [(start, end)]
    if (end - start).days > _MOST_DAYS:
        month = _next_month(start)
        while (following := _next_month(month)) <= end:
            months.append(month)
            month = following
        days = [(start, _next_month(start) - timedelta(days=1)), (month, end)]
    each = [
        first_day + timedelta(days=n)
        for first_day, last_day in days
        for n in range((last_day - first_day).days + 1)
    ]
    return each, months


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
