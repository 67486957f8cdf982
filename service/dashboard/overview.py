"""The overview: an app's money in one currency and mode, and how the system is."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from projections.reports.queries import PeriodSums, ReportFilter, RevenueRow, SummaryRow
from service.dashboard.charts import BarChart, Sums, bar_chart
from service.dashboard.context import DashboardContext, context_of
from service.dashboard.guard import page
from service.dashboard.live import live_url
from service.dashboard.pages import render
from service.dashboard.recurring_revenue import movement_values
from service.dashboard.visitor import Visitor
from service.http.queries import ReadQuery, read_query
from service.http.validation import Currency
from service.reports.periods import Bucket, Interval, back, buckets_of, first_of, today

_SHOWN: Final[dict[Interval, int]] = {"day": 30, "week": 26, "month": 12}
_NAMES: Final = {"day": "30 days", "week": "26 weeks", "month": "12 months"}
_AGES: Final = {
    -1: "not due yet",
    0: "up to 30 days",
    30: "31 to 60 days",
    60: "61 to 90 days",
    90: "over 90 days",
}
_HEALTH_PERIOD: Final = timedelta(hours=24)


class OverviewQuery(ReadQuery):
    """The currency and mode of an overview, and its periods."""

    mode: Literal["live", "test"] | None = None
    currency: Currency | None = None
    interval: Interval = "month"


async def _overview(request: Request, visitor: Visitor) -> Response:
    context = context_of(request)
    query = read_query(OverviewQuery, request.query_params)
    app_id = visitor.caller.app.app_id
    now = context.now()
    zone = visitor.caller.app.settings.time_zone
    buckets = _buckets(query.interval, today(now, zone), zone=zone)
    rows = await context.reports.totals(ReportFilter(app_id=app_id))
    chosen = _chosen(rows, query)
    money = {}
    if chosen is not None:
        money = await _money(context, visitor, chosen, buckets, query.interval)
    values = {
        "rows": rows,
        "chosen": chosen,
        "interval": query.interval,
        "intervals": _NAMES,
        "live_url": await live_url(context),
        **money,
        **await _health(context, visitor, now=now),
    }
    return render(request, "overview.html", values, visitor=visitor)


async def _money(
    context: DashboardContext,
    visitor: Visitor,
    chosen: SummaryRow,
    buckets: Sequence[Bucket],
    interval: Interval,
) -> dict[str, Any]:
    app_id, mode, currency = visitor.caller.app.app_id, chosen.mode, chosen.currency
    filters = ReportFilter(app_id=app_id, mode=mode, currency=currency)
    begins = [bucket.start for bucket in buckets]
    period = {"first": buckets[0].start, "end": buckets[-1].end}
    found, recurring, ages, declines, methods = await asyncio.gather(
        context.reports.revenue(filters, begins=begins, end=buckets[-1].end),
        movement_values(context, filters, buckets),
        context.queries.ages(app_id, mode, currency, now=context.now()),
        context.queries.shares(app_id, mode, currency, "refused", **period),
        context.queries.shares(app_id, mode, currency, "collected", **period),
    )
    return {
        "totals": PeriodSums.total(found[0].buckets) if found else PeriodSums(),
        "chart": _chart(found, buckets, chosen) if found else None,
        "period": _NAMES[interval],
        "paid_url": _list_url(chosen, Bucket(interval, buckets[0].start, buckets[-1].end)),
        "ages": [(_AGES[age.from_days], age) for age in ages if age.items],
        "overdue_minor": sum(age.amount_minor for age in ages if age.from_days >= 0),
        "overdue_count": sum(age.items for age in ages if age.from_days >= 0),
        "declines": declines,
        **recurring,
        "methods": methods,
    }


async def _health(context: DashboardContext, visitor: Visitor, *, now: datetime) -> dict[str, Any]:
    app_id = visitor.caller.app.app_id
    followers = await context.readiness.followers()
    return {
        "lag_ms": max((f.lag_ms for f in followers if f.serving), default=0),
        "failing": [f.name for f in followers if f.failure],
        "deliveries": await context.queries.delivery_states(app_id, since=now - _HEALTH_PERIOD),
        "queues": await context.queries.queue_depths(app_id),
        "connections": await context.auth.access_rows.connections(app_id),
        "breakers": await context.queries.open_breakers(app_id),
    }


def _buckets(interval: Interval, this_day: date, *, zone: str) -> list[Bucket]:
    first = back(interval, first_of(interval, this_day), several=_SHOWN[interval] - 1)
    return buckets_of(interval, first, this_day + timedelta(days=1), zone=zone)


def _chosen(rows: Sequence[SummaryRow], query: OverviewQuery) -> SummaryRow | None:
    """Return the money that is asked for, else what most was ever collected of, live first."""
    fitting = [
        row
        for row in rows
        if query.mode in (None, row.mode) and query.currency in (None, row.currency)
    ]
    return max(
        fitting or rows,
        key=lambda row: (row.mode == "live", row.collected_minor, row.outstanding_count),
        default=None,
    )


def _chart(found: Sequence[RevenueRow], buckets: Sequence[Bucket], chosen: SummaryRow) -> BarChart:
    (row,) = found
    return bar_chart(
        [
            Sums(
                name=bucket.period,
                url=_list_url(chosen, bucket),
                collected=sums.collected_minor,
                refunded=sums.refunded_minor,
                disputed=sums.disputed_minor,
                net=sums.net_minor,
            )
            for bucket, sums in zip(buckets, row.buckets, strict=True)
        ]
    )


def _list_url(chosen: SummaryRow, bucket: Bucket) -> str:
    """Return the list of what was paid in a bucket."""
    params = {
        "mode": chosen.mode,
        "currency": chosen.currency,
        "paidFrom": bucket.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "paidTo": bucket.end.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return f"/dashboard/invoices?{urlencode(params)}"


overview = page(_overview)
