"""The inbox of webhook deliveries: what was received, applied, parked or rejected, and replays."""

from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode
from uuid import UUID, uuid4

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from projections.engine.errors import BadCursor
from projections.inbox.queries import STATES
from service.dashboard.context import context_of
from service.dashboard.filters import Given, given_filters, with_idempotency_key, with_moments
from service.dashboard.guard import action, page
from service.dashboard.live import live_url
from service.dashboard.pages import render
from service.dashboard.visitor import Form, Visitor
from service.http.errors import BadRequest, FieldError, NotFound, problem_of
from service.http.queries import read_query
from service.http.requests import path_uuid
from service.webhooks.deliveries import find_entry
from service.webhooks.replays import request_replay
from service.webhooks.schemas import DeliveryQuery, to_filter

_ROWS: Final = "50"
_TIMES: Final = ("receivedFrom", "receivedTo")
_CHOSEN: Final = "delivery-"


async def _list(request: Request, visitor: Visitor) -> Response:
    context, app = context_of(request), visitor.caller.app
    given = given_filters(request.query_params, several=("state",))
    replayed = given.pop("replayed", "")
    found, messages = None, []
    try:
        written = with_moments(given, _TIMES, zone=app.settings.time_zone)
        query = read_query(DeliveryQuery, QueryParams({"limit": _ROWS, **written}))
        found = await context.deliveries.list_deliveries(to_filter(query, app.app_id))
    except (BadRequest, BadCursor) as error:
        messages = [fault.message for fault in problem_of(error).faults]
    next_cursor = None if found is None else found.next_cursor
    rows = [] if found is None else [getattr(row, "view", row) for row in found.rows]
    values = {
        "given": Given(given),
        "messages": messages,
        "found": found,
        "rows": rows,
        "states": STATES,
        "replayed": int(replayed) if replayed.isascii() and replayed.isdigit() else 0,
        "action_key": str(uuid4()),
        "next_url": f"?{urlencode({**given, 'cursor': next_cursor or ''})}",
        "live_url": await live_url(context),
    }
    code = 400 if messages else 200
    return render(request, "deliveries.html", values, visitor=visitor, status_code=code)


async def _show(request: Request, visitor: Visitor) -> Response:
    context, app_id = context_of(request), visitor.caller.app.app_id
    delivery_id = path_uuid(request, "deliveryUuid")
    recording = context.recording
    entry = await find_entry(
        recording.log, recording.streams, context.deliveries, app_id, delivery_id
    )
    rejected = None if entry else await context.deliveries.refused(app_id, delivery_id)
    if entry is None and rejected is None:
        raise NotFound
    payload = None if entry is None else await recording.streams.json_body(entry.view.body)
    values = {
        "delivery": rejected if entry is None else entry.view,
        "happened": [] if entry is None else [event for _, event in entry.events],
        "is_rejected": entry is None,
        "payload": None
        if payload is None
        else orjson.dumps(payload, option=orjson.OPT_INDENT_2).decode(),
        "action_key": str(uuid4()),
    }
    return render(request, "delivery.html", values, visitor=visitor)


async def _replay(request: Request, visitor: Visitor, form: Form) -> Response:
    """Replay the chosen deliveries, each under a key of its own; none waits for its outcome."""
    context, app_id = context_of(request), visitor.caller.app.app_id
    chosen = [_id(name) for name in form if name.startswith(_CHOSEN)]
    if not chosen:
        raise BadRequest(FieldError(message="Choose the deliveries to replay first."))
    recording = context.recording
    for delivery_id in chosen:
        if (
            await find_entry(
                recording.log, recording.streams, context.deliveries, app_id, delivery_id
            )
            is None
        ):
            raise NotFound
    for delivery_id in chosen:
        one = {**form, "action_key": f"{form.get('action_key', '')}:{delivery_id}"}
        await request_replay(
            with_idempotency_key(request, one),
            visitor.caller,
            delivery_id,
            given={"delivery": str(delivery_id)},
            wait_s=0,
        )
    url = f"/dashboard/deliveries?replayed={len(chosen)}"
    return RedirectResponse(
        url, status_code=HTTPStatus.SEE_OTHER, headers={"cache-control": "no-store"}
    )


def _id(name: str) -> UUID:
    try:
        return UUID(name.removeprefix(_CHOSEN))
    except ValueError:
        raise NotFound from None


list_deliveries = page(_list)
show_delivery = page(_show)
replay_deliveries = action(_replay)
