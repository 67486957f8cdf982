"""The movement of monthly recurring revenue: its chart, and the list behind each bar."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import urlencode
from uuid import UUID

from pydantic import Field
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from projections.engine.errors import BadCursor
from projections.reports.queries import ReportFilter
from projections.reports.recurring_movements import KINDS, Kind
from projections.reports.recurring_queries import (
    Moved,
    MovementFilter,
    RecurringPeriod,
    RecurringRow,
)
from projections.reports.time_units import QUARTER_S
from service.dashboard.charts import Part, Stack, StackChart, stack_chart
from service.dashboard.context import DashboardContext, context_of
from service.dashboard.filters import Given, given_filters, with_moments
from service.dashboard.guard import page
from service.dashboard.live import live_url
from service.dashboard.pages import render
from service.dashboard.tenants import tenant_names
from service.dashboard.visitor import Visitor
from service.http.errors import BadRequest, problem_of
from service.http.queries import Moment, ReadQuery, read_query
from service.http.validation import Currency, Token
from service.invoices.connection_choice import default_mode
from service.reports.periods import Bucket

_PATH: Final = "/dashboard/recurring-revenue"
_TIMES: Final = ("from", "to")
_FIRST: Final = datetime(1980, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9998, 12, 31, tzinfo=UTC)
# In the order of the stacks, from the line outwards.
_SERIES: Final[tuple[Kind, ...]] = ("new", "reactivation", "expansion", "churn", "contraction")


class MovementListQuery(ReadQuery):
    """The currency, mode and kind of movements, and the time in which they were."""

    mode: Literal["live", "test"] = "live"
    currency: Currency = "eur"
    kind: Kind | None = None
    from_: Moment | None = Field(None, alias="from")
    to: Moment | None = None
    cursor: Token | None = None


def movement_chart(row: RecurringRow, buckets: Sequence[Bucket]) -> StackChart | None:
    """Draw the movements by bucket; None where nothing moved."""
    if not any(period.moved for period in row.buckets):
        return None
    return stack_chart(
        [
            _stack(_url_of(row, bucket), bucket, period)
            for bucket, period in zip(buckets, row.buckets, strict=True)
        ]
    )


def _stack(url: str, bucket: Bucket, period: RecurringPeriod) -> Stack:
    parts = [
        Part(series=kind, minor=period.of(kind).amount_minor, url=f"{url}&kind={kind}")
        for kind in _SERIES
    ]
    return Stack(name=bucket.period, url=url, parts=parts, net=period.net_minor)


async def movement_values(
    context: DashboardContext, filters: ReportFilter, buckets: Sequence[Bucket]
) -> dict[str, Any]:
    """Return what the overview shows of the movements in one currency and mode."""
    found = await context.recurring.moved(
        filters, begins=[bucket.start for bucket in buckets], end=buckets[-1].end
    )
    if not found:
        return {"recurring": None, "recurring_chart": None, "recurring_series": _SERIES}
    return {
        "recurring": found[0].buckets,
        "recurring_chart": movement_chart(found[0], buckets),
        "recurring_series": _SERIES,
    }


def _url_of(row: RecurringRow, bucket: Bucket) -> str:
    params = {
        "mode": row.mode,
        "currency": row.currency,
        "from": bucket.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "to": bucket.end.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return f"{_PATH}?{urlencode(params)}"


async def _list(request: Request, visitor: Visitor) -> Response:
    context, app = context_of(request), visitor.caller.app
    given = given_filters(request.query_params)
    if "mode" not in given:
        given["mode"] = await default_mode(context.auth.access, app, None) or "live"
    found, moved, currency, messages = None, None, None, []
    try:
        written = with_moments(given, _TIMES, zone=app.settings.time_zone)
        query = read_query(MovementListQuery, QueryParams(written))
        currency = query.currency
        start, end = _quarter(query.from_ or _FIRST), _quarter(query.to or _LAST)
        found = await context.recurring.list_movements(
            MovementFilter(
                app_id=app.app_id,
                mode=query.mode,
                currency=query.currency,
                kind=query.kind,
                moved_from=start,
                moved_to=end,
                cursor=query.cursor,
            )
        )
        if start < end:
            moved = await _moved(context, app.app_id, query, start=start, end=end)
    except (BadRequest, BadCursor) as error:
        messages = [fault.message for fault in problem_of(error).faults]
    listed, next_cursor = ([], None) if found is None else (found.rows, found.next_cursor)
    values = {
        "given": Given(given),
        "messages": messages,
        "found": found,
        "moved": moved,
        "currency": currency,
        "names": await tenant_names(context, app.app_id, (row.tenant_id for row in listed)),
        "kinds": KINDS,
        "next_url": f"?{urlencode({**given, 'cursor': next_cursor or ''})}",
        "live_url": await live_url(context),
    }
    code = 400 if messages else 200
    return render(request, "recurring_revenue.html", values, visitor=visitor, status_code=code)


async def _moved(
    context: DashboardContext,
    app_id: UUID,
    query: MovementListQuery,
    *,
    start: datetime,
    end: datetime,
) -> Moved:
    filters = ReportFilter(app_id=app_id, mode=query.mode, currency=query.currency)
    rows = await context.recurring.moved(filters, begins=[start], end=end)
    return _sum(rows[0].buckets[0], query.kind) if rows else Moved()


def _quarter(moment: datetime) -> datetime:
    """Return the beginning of the quarter of an hour, by which movements are added up."""
    return datetime.fromtimestamp(moment.timestamp() // QUARTER_S * QUARTER_S, UTC)


def _sum(period: RecurringPeriod, kind: Kind | None) -> Moved:
    if kind is not None:
        return period.of(kind)
    return Moved(period.net_minor, sum(one.items for one in period.moved.values()))


list_recurring_revenue = page(_list)
