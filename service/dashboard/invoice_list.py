"""The list of invoices: the API's filters in the URL, a page at a time, or all as CSV."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from domain.invoices import status
from projections.engine.errors import BadCursor
from projections.invoices.queries import InvoiceFilter, InvoicePage
from service.dashboard.context import DashboardContext, context_of
from service.dashboard.filters import Given, given_filters, with_moments
from service.dashboard.guard import page
from service.dashboard.live import live_url
from service.dashboard.pages import render
from service.dashboard.visitor import Visitor
from service.http.errors import BadRequest, problem_of
from service.http.queries import read_list_query, to_filter
from service.invoices.connection_choice import default_mode
from service.invoices.csv_export import csv_answer
from service.tenants.customer_names import customer_names

_ROWS: Final = "50"
_TIMES: Final = ("createdFrom", "createdTo", "paidFrom", "paidTo")
_VIEWS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("All", {}),
    ("Outstanding", {"status": "open,failed,processing,requires_action"}),
    ("Failed", {"status": "failed"}),
    ("Paid", {"status": "paid"}),
    ("Drafts", {"status": "draft"}),
    ("Uncollectible", {"status": "uncollectible"}),
    ("Unassigned", {"unassigned": "true"}),
)


async def _list(request: Request, visitor: Visitor) -> Response:
    context = context_of(request)
    given = given_filters(request.query_params, several=("status",))
    found, messages = None, []
    try:
        filters = await _filters_of(context, visitor, given)
        if given.get("format") == "csv":
            read = partial(context.invoices.stream_invoices, filters)
            return await csv_answer(read, links=context.links, headers={})
        found = await context.invoices.list_invoices(filters)
    except (BadRequest, BadCursor) as error:
        messages = [fault.message for fault in problem_of(error).faults]
    values = {
        "given": Given(given),
        "messages": messages,
        "found": found,
        "names": None if found is None else await _names(context, found),
        "statuses": status.ALL,
        "views": _views(given),
        "next_url": _url(given, cursor=None if found is None else found.next_cursor),
        "csv_url": _url(given, format="csv", cursor=None),
        "first_url": _url(given, cursor=None),
        "sorts": {sort: _url(given, sort=sort, cursor=None) for sort in _SORTS},
        "live_url": await live_url(context),
    }
    code = 400 if messages else 200
    return render(request, "invoices.html", values, visitor=visitor, status_code=code)


_SORTS: Final = ("-createdAt", "createdAt", "-totalMinor", "totalMinor")


async def _filters_of(
    context: DashboardContext, visitor: Visitor, given: Mapping[str, str]
) -> InvoiceFilter:
    app = visitor.caller.app
    written = with_moments(given, _TIMES, zone=app.settings.time_zone)
    is_csv = written.get("format") == "csv"
    params = written if is_csv else {"limit": _ROWS, **written}
    query = read_list_query(QueryParams(params), paged=False)
    mode = await default_mode(context.auth.access, app, query.provider)
    return to_filter(query, app.app_id, default_mode=mode, fixed={})


async def _names(context: DashboardContext, found: InvoicePage) -> dict[str, str | None]:
    views = [row.view for row in found.rows]
    names = await customer_names(context.recording, views)
    return {str(view.id): names.of(view) or view.customer for view in views}


def _views(given: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the views that are one click away, each with the mode that is looked at."""
    kept = {name: given[name] for name in ("mode", "currency") if name in given}
    narrowed = {name: given[name] for name in ("status", "unassigned") if name in given}
    return [
        {"name": name, "url": _url({**kept, **filters}), "is_shown": narrowed == filters}
        for name, filters in _VIEWS
    ]


def _url(given: Mapping[str, str], **changed: str | None) -> str:
    filters = {name: value for name, value in {**given, **changed}.items() if value is not None}
    return "/dashboard/invoices" + (f"?{urlencode(filters)}" if filters else "")


list_invoices = page(_list)
