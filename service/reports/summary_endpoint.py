from datetime import date, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from projections.reports.queries import SummaryRow
from service.auth.authenticate import authenticate
from service.http.envelope import Json, moment
from service.http.errors import BadRequest, FieldError
from service.http.queries import read_query
from service.http.responses import LAG_MS, document
from service.recording.read_your_writes import wait_until_folded
from service.reports.context import context_of
from service.reports.endpoints import period_item
from service.reports.periods import ReportQuery, begin_of

_PROJECTIONS: Final = ("invoices", "subscriptions")


async def get_summary(request: Request) -> Response:
    """Sum up what came in, went back, is owed and comes each month, by mode and currency."""
    context = context_of(request)
    caller = await authenticate(request)
    query = read_query(ReportQuery, request.query_params)
    if query.from_ is not None and query.to is not None and query.to < query.from_:
        raise BadRequest(FieldError(message="to: must not be before from", path="to"))
    for projection in _PROJECTIONS:
        await wait_until_folded(context.recording, query.min_position, projection=projection)
    zone = query.timezone or caller.app.settings.time_zone
    first, end, now = _begin(query.from_, zone), _begin(query.to, zone), context.now()
    lag_ms = max([await context.readiness.lag_ms(projection) for projection in _PROJECTIONS])
    asked = query.filter_of(caller.app.app_id)
    rows = await context.reports.summary(asked, now=now, first=first, end=end)
    items = [_item(row) for row in rows]
    summary = {
        "kind": "summary",
        "totalItems": len(items),
        "itemsLength": len(items),
        "items": items,
        "from": moment(first),
        "to": moment(end),
        "timezone": zone,
        "at": moment(now),
    }
    return document(summary, {LAG_MS: str(lag_ms)})


def _begin(day: date | None, zone: str) -> datetime | None:
    return None if day is None else begin_of(day, zone)


def _item(row: SummaryRow) -> Json:
    return {
        "mode": row.mode,
        "currency": row.currency,
        **period_item(row),
        "outstandingMinor": row.outstanding_minor,
        "outstandingCount": row.outstanding_count,
        "overdueMinor": row.overdue_minor,
        "overdueCount": row.overdue_count,
        "mrrMinor": row.recurring_minor,
        "activeSubscriptions": row.recurring_count,
    }
