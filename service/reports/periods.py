"""Days, weeks and months of a time zone, and the moments at which they begin.

Reports add up what is kept by the quarter of an hour, so that a day is what the clocks on its walls
say: 23 or 25 hours where they are put forward or back, none where a zone left it out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from projections.reports.queries import ReportFilter
from service.apps.app_endpoints import TimeZone
from service.http.queries import ReadQuery
from service.http.validation import Currency, Name, invalid

Interval = Literal["day", "week", "month"]

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
# Since then every time zone is a whole number of quarters of an hour away from UTC.
FIRST_DAY: Final = date(1980, 1, 1)
_LAST_DAY: Final = date(9998, 12, 31)


def _written_out(text: object) -> object:
    """Refuse numbers, which pydantic would take for Unix times."""
    if isinstance(text, str) and not _DAY.fullmatch(text):
        raise invalid("must be a day, like 2026-01-31")
    return text


Day = Annotated[date, BeforeValidator(_written_out), Field(ge=FIRST_DAY, le=_LAST_DAY)]


@dataclass(frozen=True)
class Bucket:
    """A part of a period: `period` names it, `begin` is in it, `end` is not."""

    period: str
    begin: datetime
    end: datetime


def begin_of(day: date, zone: str) -> datetime:
    """Tell when a day begins; at midnight, or when clocks that skip midnight go on."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def today(now: datetime, zone: str) -> date:
    """Tell which day it is."""
    return now.astimezone(ZoneInfo(zone)).date()


def first_of(interval: Interval, day: date) -> date:
    """Tell the first day of the week (a Monday) or month that a day is in."""
    match interval:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)


def back(interval: Interval, day: date, *, several: int) -> date:
    """Go so many days, weeks or months back."""
    if interval == "month":
        months = day.year * 12 + day.month - 1 - several
        return date(months // 12, months % 12 + 1, 1)
    return day - several * timedelta(days=1 if interval == "day" else 7)


def count(interval: Interval, first: date, end: date) -> int:
    """Count the buckets from a day to the one before `end`, without making them."""
    last = first_of(interval, end - timedelta(days=1))
    first = first_of(interval, first)
    if interval == "month":
        return (last.year - first.year) * 12 + last.month - first.month + 1
    return (last - first).days // (1 if interval == "day" else 7) + 1


def buckets_of(interval: Interval, first: date, end: date, *, zone: str) -> list[Bucket]:
    """Divide the days from `first` to the one before `end`.

    The first and the last week or month are cut where the period begins and ends.
    """
    days = list(_beginnings(interval, first, end))
    moments = [begin_of(day, zone) for day in (*days, end)]
    return [
        Bucket(_name(interval, day), begin, after)
        for day, begin, after in zip(days, moments[:-1], moments[1:], strict=True)
    ]


def _beginnings(interval: Interval, first: date, end: date) -> Iterator[date]:
    day = first
    while day < end:
        yield day
        day = back(interval, first_of(interval, day), several=-1)


def _name(interval: Interval, day: date) -> str:
    """Name a bucket as ISO 8601 does: 2026-01-31, 2026-W05, 2026-01."""
    match interval:
        case "day":
            return day.isoformat()
        case "week":
            year, week, _ = day.isocalendar()
            return f"{year:04d}-W{week:02d}"
        case "month":
            return f"{day:%Y-%m}"


# The query that all reports share (API: Reports).


class ReportQuery(ReadQuery):
    """Which days, of which time zone (else the app's), and what money; `to` is the day after."""

    from_: Day | None = Field(None, alias="from")
    to: Day | None = None
    timezone: TimeZone | None = None
    mode: Literal["live", "test"] | None = None
    currency: Currency | None = None
    provider: Literal["stripe", "mollie"] | None = None
    connection: Name | None = None

    def filter_of(self, app_id: UUID) -> ReportFilter:
        """Say what is asked of the sums, but for the days."""
        return ReportFilter(
            app_id=app_id,
            mode=self.mode,
            currency=self.currency,
            provider=self.provider,
            connection=self.connection,
        )
