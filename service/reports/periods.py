"""Days, weeks and months of a time zone, and the times at which they begin.

Sums are kept from quarters of an hour up, so that days follow the local time: 23 or 25 hours at a
change of daylight saving time, none where a zone skipped the day.
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
# Since then the offset of every time zone is a multiple of 15 minutes.
FIRST_DAY: Final = date(1980, 1, 1)
_LAST_DAY: Final = date(9998, 12, 31)


def _written_out(text: object) -> object:
    """Reject numbers, which pydantic parses as Unix times."""
    if isinstance(text, str) and not _DAY.fullmatch(text):
        raise invalid("must be a day, like 2026-01-31")
    return text


Day = Annotated[date, BeforeValidator(_written_out), Field(ge=FIRST_DAY, le=_LAST_DAY)]


@dataclass(frozen=True)
class Bucket:
    """A part of a period, named `period`; `start` is inclusive, `end` exclusive."""

    period: str
    start: datetime
    end: datetime


def start_of(day: date, zone: str) -> datetime:
    """Return the start of a day: midnight, or the first time after a skipped midnight."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def today(now: datetime, zone: str) -> date:
    """Return the current day of a time zone."""
    return now.astimezone(ZoneInfo(zone)).date()


def first_of(interval: Interval, day: date) -> date:
    """Return the first day of a day's week (a Monday) or month."""
    match interval:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)


def back(interval: Interval, day: date, *, several: int) -> date:
    """Return the day `several` days, weeks or months earlier."""
    if interval == "month":
        months = day.year * 12 + day.month - 1 - several
        return date(months // 12, months % 12 + 1, 1)
    return day - several * timedelta(days=1 if interval == "day" else 7)


def count(interval: Interval, first: date, end: date) -> int:
    """Return the number of buckets from a day to the one before `end`."""
    last = first_of(interval, end - timedelta(days=1))
    first = first_of(interval, first)
    if interval == "month":
        return (last.year - first.year) * 12 + last.month - first.month + 1
    return (last - first).days // (1 if interval == "day" else 7) + 1


def buckets_of(interval: Interval, first: date, end: date, *, zone: str) -> list[Bucket]:
    """Return the buckets of the days from `first` to the one before `end`.

    The first and the last week or month are cut where the period begins and ends.
    """
    days = list(_starts(interval, first, end))
    moments = [start_of(day, zone) for day in (*days, end)]
    return [
        Bucket(_name(interval, day), start, after)
        for day, start, after in zip(days, moments[:-1], moments[1:], strict=True)
    ]


def _starts(interval: Interval, first: date, end: date) -> Iterator[date]:
    day = first
    while day < end:
        yield day
        day = back(interval, first_of(interval, day), several=-1)


def _name(interval: Interval, day: date) -> str:
    """Return a bucket's ISO 8601 name: 2026-01-31, 2026-W05, 2026-01."""
    match interval:
        case "day":
            return day.isoformat()
        case "week":
            year, week, _ = day.isocalendar()
            return f"{year:04d}-W{week:02d}"
        case "month":
            return f"{day:%Y-%m}"


class ReportQuery(ReadQuery):
    """Query of all reports: days, time zone (else the app's), filters; `to` is exclusive."""

    from_: Day | None = Field(None, alias="from")
    to: Day | None = None
    timezone: TimeZone | None = None
    mode: Literal["live", "test"] | None = None
    currency: Currency | None = None
    provider: Literal["stripe", "mollie"] | None = None
    connection: Name | None = None

    def filter_of(self, app_id: UUID) -> ReportFilter:
        """Build the filter of the sums, without the days."""
        return ReportFilter(
            app_id=app_id,
            mode=self.mode,
            currency=self.currency,
            provider=self.provider,
            connection=self.connection,
        )
