"""Subscriptions: the list with the API's filters, and one with its timeline."""

from typing import Final
from urllib.parse import urlencode
from uuid import uuid4

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from domain.subscriptions.view import STATUSES
from projections.engine.errors import BadCursor
from service.dashboard.context import context_of
from service.dashboard.filters import Given, given_filters, with_moments
from service.dashboard.guard import page
from service.dashboard.invoice_actions import NOTES
from service.dashboard.live import live_url
from service.dashboard.pages import render
from service.dashboard.subscription_actions import may_act_on
from service.dashboard.tenants import tenant_names
from service.dashboard.timeline import entries_of, picture_of
from service.dashboard.visitor import Visitor
from service.http.errors import BadRequest, problem_of
from service.http.queries import SubscriptionListQuery, read_query, to_subscription_filter
from service.invoices.connection_choice import default_mode
from service.subscriptions.actions import find_subscription
from service.subscriptions.context import context_of as subscriptions_of

_ROWS: Final = "50"
_TIMES: Final = ("createdFrom", "createdTo")


async def _list(request: Request, visitor: Visitor) -> Response:
    context, app = context_of(request), visitor.caller.app
    given = given_filters(request.query_params, several=("status",))
    found, messages = None, []
    try:
        written = with_moments(given, _TIMES, zone=app.settings.time_zone)
        query = read_query(SubscriptionListQuery, QueryParams({"limit": _ROWS, **written}))
        mode = await default_mode(context.auth.access, app, query.provider)
        filters = to_subscription_filter(query, app.app_id, default_mode=mode, fixed={})
        found = await context.subscriptions.list_subscriptions(filters)
    except (BadRequest, BadCursor) as error:
        messages = [fault.message for fault in problem_of(error).faults]
    rows = [] if found is None else found.rows
    names = await tenant_names(context, app.app_id, (row.view.tenant_id for row in rows))
    next_cursor = None if found is None else found.next_cursor
    values = {
        "given": Given(given),
        "messages": messages,
        "found": found,
        "names": names,
        "statuses": STATUSES,
        "next_url": f"?{urlencode({**given, 'cursor': next_cursor or ''})}",
        "live_url": await live_url(context),
    }
    code = 400 if messages else 200
    return render(request, "subscriptions.html", values, visitor=visitor, status_code=code)


async def _show(request: Request, visitor: Visitor) -> Response:
    context = context_of(request)
    found = await find_subscription(
        subscriptions_of(request), visitor.caller, request.path_params["subscriptionId"]
    )
    view = found.view
    app_id = visitor.caller.app.app_id
    recorded = await context.subscriptions.timeline(app_id, view.id)
    names = await tenant_names(context, app_id, [view.tenant_id])
    entries = entries_of(recorded, view.currency)
    values = {
        "subscription": view,
        "name": None if view.tenant_id is None else names.get(view.tenant_id),
        "entries": entries,
        "picture": picture_of(entries),
        "may_act": may_act_on(visitor, view),
        "action_key": str(uuid4()),
        "note": NOTES.get(request.query_params.get("note", "")),
        "live_url": await live_url(context),
    }
    return render(request, "subscription.html", values, visitor=visitor)


list_subscriptions = page(_list)
show_subscription = page(_show)
