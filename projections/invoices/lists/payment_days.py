"""Divide a period of payments into the days and months that indexes have."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

_DAY: Final = timedelta(days=1)


def divide(start: date, end: date) -> tuple[list[date], list[date]]:
    """Return the whole months from one day to another (first days), and all other days of these."""
    first, after = _first_of_next_month(start - _DAY), end + _DAY
    months: list[date] = []
    while (following := _first_of_next_month(first)) <= after:
        months.append(first)
        first = following
    if not months:
        return [*_days(start, after)], []
    return [*_days(start, months[0]), *_days(first, after)], months


def _days(start: date, after: date) -> Iterator[date]:
    return (start + timedelta(days=number) for number in range((after - start).days))


def _first_of_next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
