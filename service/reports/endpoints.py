"""How reports show what came in and went back."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from projections.reports.queries import PeriodSums, RevenueRow
from service.auth.authenticate import authenticate
from service.http.envelope import Json, moment
from service.http.errors import BadRequest, FieldError
from service.http.queries import read_query
from service.http.responses import LAG_MS, document
from service.invoices.csv_export import csv_file
from service.recording.read_your_writes import wait_until_folded
from service.reports.context import context_of
from service.reports.periods import (
    FIRST_DAY,
    Bucket,
    Interval,
    ReportQuery,
    back,
    buckets_of,
    count,
    first_of,
    today,
)

_RATE_DIGITS: Final = 4


def period_item(turnover: PeriodSums) -> Json:
    """Show a period's sums; the failure rate is null where no attempt ended."""
    rate = turnover.failure_rate
    return {
        "collectedMinor": turnover.collected_minor,
        "collectedCount": turnover.collected_count,
        "refundedMinor": turnover.refunded_minor,
        "refundedCount": turnover.refunded_count,
        "disputedMinor": turnover.disputed_minor,
        "disputedCount": turnover.disputed_count,
        "netMinor": turnover.net_minor,
        "attempts": turnover.attempts,
        "failedAttempts": turnover.refused_count,
        "failureRate": None if rate is None else round(rate, _RATE_DIGITS),
    }


MOST_BUCKETS: Final = 400
# How many are shown where nobody says since when.
_USUAL: Final[dict[Interval, int]] = {"day": 30, "week": 12, "month": 12}
_BUCKET: Final = ("period", "start", "end")
COLUMNS: Final = ("mode", "currency", *_BUCKET, *period_item(PeriodSums()))


class RevenueQuery(ReportQuery):
    """How days go together, and in which format they are answered."""

    interval: Interval = "day"
    format: Literal["json", "csv"] = "json"


async def get_revenue(request: Request) -> Response:
    """Show what came in and went back, by mode and currency, day by day or by week or month."""
    context = context_of(request)
    caller = await authenticate(request)
    query = read_query(RevenueQuery, request.query_params)
    zone = query.timezone or caller.app.settings.time_zone
    first, end = _days(query, today(context.now(), zone))
    buckets = buckets_of(query.interval, first, end, zone=zone)
    await wait_until_folded(context.recording, query.min_position)
    headers = {LAG_MS: str(await context.readiness.lag_ms("invoices"))}
    asked = query.filter_of(caller.app.app_id)
    begins = [bucket.begin for bucket in buckets]
    rows = await context.reports.revenue(asked, begins=begins, end=buckets[-1].end)
    items = [_item(row, buckets) for row in rows]
    if query.format == "csv":
        return csv_file(COLUMNS, _lines(items), name="revenue", headers=headers)
    head = {"kind": "revenue", "totalItems": len(items), "itemsLength": len(items)}
    period = {"from": moment(buckets[0].begin), "to": moment(buckets[-1].end)}
    about = {"interval": query.interval, "timezone": zone}
    return document({**head, "items": items, **period, **about}, headers)


def _days(query: RevenueQuery, this_day: date) -> tuple[date, date]:
    """Return the first day, and the one after the last. Raises BadRequest."""
    end = query.to or this_day + timedelta(days=1)
    last = first_of(query.interval, end - timedelta(days=1))
    usual = back(query.interval, last, several=_USUAL[query.interval] - 1)
    first = query.from_ or max(usual, FIRST_DAY)
    if first >= end and query.to is None:
        raise _fault("from", "is in the future")
    if first >= end:
        raise _fault("to", f"must be after {first}")
    many = count(query.interval, first, end)
    if many > MOST_BUCKETS:
        raise _fault(
            "interval",
            f"the period has {many} {query.interval}s, and at most {MOST_BUCKETS} are shown",
        )
    return first, end


def _fault(path: str, why: str) -> BadRequest:
    return BadRequest(FieldError(message=f"{path}: {why}", path=path))


def _item(row: RevenueRow, buckets: Sequence[Bucket]) -> Json:
    return {
        "mode": row.mode,
        "currency": row.currency,
        "buckets": [
            {
                "period": bucket.period,
                "start": moment(bucket.begin),
                "end": moment(bucket.end),
                **period_item(turnover),
            }
            for bucket, turnover in zip(buckets, row.buckets, strict=True)
        ],
        "totals": period_item(PeriodSums.total(row.buckets)),
    }


def _lines(items: Sequence[Json]) -> Iterator[list[str | int | float | None]]:
    """Write a line for each bucket; sums are left to the reader."""
    for item in items:
        for bucket in item["buckets"]:
            known = {**item, **bucket}
            yield [known[name] for name in COLUMNS]
