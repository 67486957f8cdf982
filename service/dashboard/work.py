"""Work that is not done: what is open, and what gave up and can be sent again."""

from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode
from uuid import uuid4

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from domain.core.idempotency import CreateIdempotencyRecord
from projections.work.queries import STATES
from service.dashboard.context import context_of
from service.dashboard.filters import Given, given_filters, with_idempotency_key
from service.dashboard.guard import action, page
from service.dashboard.pages import render
from service.dashboard.visitor import Form, Visitor
from service.http.errors import NotFound
from service.http.queries import WorkQuery, read_query
from service.recording.idempotency import record_once
from service.work import work as api

_ROWS: Final = "50"


async def _list(request: Request, visitor: Visitor) -> Response:
    context = context_of(request)
    given = given_filters(request.query_params, several=("state",))
    is_resent = given.pop("resent", None) is not None
    query = read_query(WorkQuery, QueryParams({"limit": _ROWS, **given}))
    found = await context.work.list_work(api.to_filter(query, visitor.caller.app.app_id))
    values = {
        "given": Given(given),
        "found": found,
        "states": STATES,
        "is_resent": is_resent,
        "action_key": str(uuid4()),
        "next_url": f"?{urlencode({**given, 'cursor': found.next_cursor or ''})}",
    }
    return render(request, "work.html", values, visitor=visitor)


async def _resend(request: Request, visitor: Visitor, form: Form) -> Response:
    context, key = context_of(request), form.get("work", "")
    row = await context.work.get_work(visitor.caller.app.app_id, key)
    occurred_at = context.now()

    def write(idempotency_record: CreateIdempotencyRecord | None) -> None:
        if row is None:
            raise NotFound
        api.resend(
            context.recording.billing,
            row,
            actor=visitor.caller.actor,
            occurred_at=occurred_at,
            idempotency_record=idempotency_record,
        )

    keyed = {**form, "action_key": f"{form.get('action_key', '')}:{key}"[:255]}
    await record_once(
        with_idempotency_key(request, keyed), visitor.caller, {"work": key}, {"work": key}, write
    )
    return RedirectResponse(
        "/dashboard/work?resent=1",
        status_code=HTTPStatus.SEE_OTHER,
        headers={"cache-control": "no-store"},
    )


list_work = page(_list)
resend_work = action(_resend)
