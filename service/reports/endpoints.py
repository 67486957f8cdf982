"""Endpoints of the reports."""

from datetime import date, datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from service.auth.authenticate import authenticate
from service.http.errors import BadRequest, FieldError
from service.http.queries import read_query
from service.http.responses import LAG_MS, document
from service.invoices.csv_export import csv_file
from service.recording.read_your_writes import wait_until_folded
from service.reports import render as reports_render
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
    start_of,
    today,
)
from service.reports.response_schemas import RevenueReport, Summary
from service.reports.schemas import RevenueQuery

MOST_BUCKETS: Final = 400
_SUMMARY_PROJECTIONS: Final = ("invoices", "subscriptions")
_DEFAULT_BUCKETS: Final[dict[Interval, int]] = {"day": 30, "week": 12, "month": 12}


async def get_summary(request: Request) -> Response:
    """Return collected, refunded, outstanding and monthly amounts by mode and currency."""
    context = context_of(request)
    caller = await authenticate(request)
    query = read_query(ReportQuery, request.query_params)
    if query.from_ is not None and query.to is not None and query.to < query.from_:
        raise _bad_request("to", "must not be before from")
    for projection in _SUMMARY_PROJECTIONS:
        await wait_until_folded(context.recording, query.min_position, projection=projection)
    zone = query.timezone or caller.app.settings.time_zone
    first, end, now = _start(query.from_, zone), _start(query.to, zone), context.now()
    lags_ms = [await context.readiness.lag_ms(projection) for projection in _SUMMARY_PROJECTIONS]
    rows = await context.reports.summary(
        query.filter_of(caller.app.app_id), now=now, first=first, end=end
    )
    items = [reports_render.sums(row) for row in rows]
    summary = Summary(
        kind="summary",
        total_items=len(items),
        items_length=len(items),
        items=items,
        from_=first,
        to=end,
        timezone=zone,
        at=now,
    )
    return document(summary, {LAG_MS: str(max(lags_ms))})


async def get_revenue(request: Request) -> Response:
    """Return collected, refunded and disputed amounts by mode, currency and bucket."""
    context = context_of(request)
    caller = await authenticate(request)
    query = read_query(RevenueQuery, request.query_params)
    zone = query.timezone or caller.app.settings.time_zone
    buckets = requested_buckets(query, context.now(), zone=zone)
    await wait_until_folded(context.recording, query.min_position)
    headers = {LAG_MS: str(await context.readiness.lag_ms("invoices"))}
    rows = await context.reports.revenue(
        query.filter_of(caller.app.app_id),
        begins=[bucket.start for bucket in buckets],
        end=buckets[-1].end,
    )
    items = [reports_render.revenue(row, buckets) for row in rows]
    if query.format == "csv":
        lines = reports_render.csv_lines(items, reports_render.COLUMNS)
        return csv_file(reports_render.COLUMNS, lines, name="revenue", headers=headers)
    report = RevenueReport(
        kind="revenue",
        total_items=len(items),
        items_length=len(items),
        items=items,
        from_=buckets[0].start,
        to=buckets[-1].end,
        interval=query.interval,
        timezone=zone,
    )
    return document(report, headers)


def _start(day: date | None, zone: str) -> datetime | None:
    return None if day is None else start_of(day, zone)


def requested_buckets(query: RevenueQuery, now: datetime, *, zone: str) -> list[Bucket]:
    """Return the buckets of a query's period, up to today by default. Raises BadRequest."""
    first, end = _days(query, today(now, zone))
    return buckets_of(query.interval, first, end, zone=zone)


def _days(query: RevenueQuery, this_day: date) -> tuple[date, date]:
    """Return the first day, and the one after the last. Raises BadRequest."""
    end = query.to or this_day + timedelta(days=1)
    last = first_of(query.interval, end - timedelta(days=1))
    default = back(query.interval, last, several=_DEFAULT_BUCKETS[query.interval] - 1)
    first = query.from_ or max(default, FIRST_DAY)
    if first >= end and query.to is None:
        raise _bad_request("from", "is in the future")
    if first >= end:
        raise _bad_request("to", f"must be after {first}")
    many = count(query.interval, first, end)
    if many > MOST_BUCKETS:
        raise _bad_request(
            "interval",
            f"the period has {many} {query.interval}s, and at most {MOST_BUCKETS} are shown",
        )
    return first, end


def _bad_request(path: str, why: str) -> BadRequest:
    return BadRequest(FieldError(message=f"{path}: {why}", path=path))
