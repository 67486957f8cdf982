import re
from dataclasses import fields
from datetime import UTC, date, datetime, time
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from projections.reports import SummaryRow
from service.answers import LAG_MS, document
from service.app_changes import TimeZone
from service.auth import authenticate
from service.context import context_of
from service.dialects.d002 import Json, moment
from service.errors import BadRequest, Fault
from service.list_query import ReadQuery, read_query
from service.reading import wait_until_folded
from service.validation import Currency, fault

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
# Since then every time zone is a whole number of quarters of an hour away from UTC.
_FIRST_DAY: Final = date(1973, 1, 1)
_LAST_DAY: Final = date(9998, 12, 31)


def _written_out(text: object) -> object:
    """Refuse numbers, which pydantic would take for Unix times."""
    if isinstance(text, str) and not _DAY.fullmatch(text):
        raise fault("must be a day, like 2026-01-31")
    return text


Day = Annotated[date, BeforeValidator(_written_out), Field(ge=_FIRST_DAY, le=_LAST_DAY)]


class SummaryQuery(ReadQuery):
    """Which days, of which time zone (else the app's); `to` is the day after the last."""

    from_: Day | None = Field(None, alias="from")
    to: Day | None = None
    timezone: TimeZone | None = None
    mode: Literal["live", "test"] | None = None
    currency: Currency | None = None


async def get_summary(request: Request) -> Response:
    """Sum up what came in, went back and is owed, by mode and currency."""
    context = context_of(request)
    caller = await authenticate(request)
    query = read_query(SummaryQuery, request.query_params)
    if query.from_ is not None and query.to is not None and query.to < query.from_:
        raise BadRequest(Fault(message="to: must not be before from", path="to"))
    await wait_until_folded(context, query.min_position)
    zone = query.timezone or caller.app.settings.time_zone
    first, end, now = _begin(query.from_, zone), _begin(query.to, zone), context.now()
    lag_ms = await context.readiness.lag_ms("invoices")
    rows = await context.reports.summary(caller.app.app_id, now=now, first=first, end=end)
    items = [
        _item(row)
        for row in rows
        if query.mode in (None, row.mode) and query.currency in (None, row.currency)
    ]
    shown = {
        "kind": "summary",
        "totalItems": len(items),
        "itemsLength": len(items),
        "items": items,
        "from": moment(first),
        "to": moment(end),
        "timezone": zone,
        "at": moment(now),
    }
    return document(shown, {LAG_MS: str(lag_ms)})


def _begin(day: date | None, zone: str) -> datetime | None:
    """Tell when a day begins."""
    if day is None:
        return None
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _item(row: SummaryRow) -> Json:
    return {to_camel(field.name): getattr(row, field.name) for field in fields(row)}
