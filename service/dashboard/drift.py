"""Drift: what reconciliation found to differ, its progress, and the webhook endpoints."""

from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from projections.engine.errors import BadCursor
from projections.reconciliation.projector import STATES
from service.dashboard.context import context_of
from service.dashboard.filters import Given, given_filters
from service.dashboard.guard import page
from service.dashboard.pages import render
from service.dashboard.visitor import Visitor
from service.http.errors import BadRequest, problem_of
from service.http.queries import read_query
from service.reports.drift import period_of, to_filter
from service.reports.schemas import DriftQuery

_ROWS: Final = "50"
_FILTERS: Final = ("state", "connection", "field", "objectId", "foundBy", "from", "to")


async def _list(request: Request, visitor: Visitor) -> Response:
    context, app = context_of(request), visitor.caller.app
    given = given_filters(request.query_params, several=("state",))
    wanted: dict[str, str] = {name: given[name] for name in (*_FILTERS, "cursor") if name in given}
    found, sums, messages = None, [], []
    try:
        query = read_query(DriftQuery, QueryParams({"limit": _ROWS, **wanted}))
        start, end = period_of(query, context.now(), zone=app.settings.time_zone)
        filters = to_filter(query, app.app_id, start=start, end=end)
        found = await context.drift.list_drift(filters)
        sums = await context.drift.sums(replace(filters, cursor=None))
    except (BadRequest, BadCursor) as error:
        messages = [fault.message for fault in problem_of(error).faults]
    next_cursor = None if found is None else found.next_cursor
    values = {
        "given": Given(given),
        "messages": messages,
        "found": found,
        "sums": sums,
        "states": STATES,
        "connections": await context.connection_states(app.app_id),
        "next_url": f"?{urlencode({**wanted, 'cursor': next_cursor or ''})}",
    }
    code = 400 if messages else 200
    return render(request, "drift.html", values, visitor=visitor, status_code=code)


list_drift = page(_list)
