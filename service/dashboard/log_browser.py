"""The event log of an app: its entries, newest first, and the verification of its hash chains."""

from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from pydantic import Field
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from domain.core import ids
from service.dashboard.context import context_of
from service.dashboard.filters import Given, given_filters
from service.dashboard.guard import action, page
from service.dashboard.live import live_url
from service.dashboard.log_verifier import MOST_EVENTS
from service.dashboard.pages import render
from service.dashboard.visitor import Form, Visitor
from service.http.errors import BadRequest, FieldError, NotFound, problem_of
from service.http.queries import ReadQuery, read_query
from service.http.validation import Uuid

_PATH: Final = "/dashboard/operations/log"
_ROWS: Final = 50
_NEWEST: Final = 2**62
_DEFAULT_RANGE: Final = 10_000


class LogQuery(ReadQuery):
    """The position before which entries lie, and the one that they are about."""

    before: int = Field(_NEWEST, ge=1, le=_NEWEST)
    about: Uuid | None = None


class VerifyQuery(ReadQuery):
    """Positions of a range to verify, or the id whose events are verified."""

    first: int | None = Field(None, ge=1, le=_NEWEST)
    last: int | None = Field(None, ge=1, le=_NEWEST)
    about: Uuid | None = None


class CancelQuery(ReadQuery):
    """The id of the check to cancel."""

    check: Uuid


async def _show(request: Request, visitor: Visitor) -> Response:
    context, app_id = context_of(request), visitor.caller.app.app_id
    given, found, messages = given_filters(request.query_params), [], []
    next_url = None
    try:
        query = read_query(LogQuery, QueryParams({**given}))
        found = await context.queries.log_entries(
            app_id, before=query.before, subject_id=query.about, rows=_ROWS
        )
        if len(found) >= _ROWS:
            next_url = f"?{urlencode({**given, 'before': found[-1].position})}"
    except BadRequest as error:
        messages = [fault.message for fault in problem_of(error).faults]
    head = await context.invoices.position("invoices")
    checks = await context.log_verifier.newest(app_id)
    values = {
        "given": Given(given),
        "messages": messages,
        "entries": found,
        "next_url": next_url,
        "checks": checks,
        "is_running": any(check.is_running for check in checks),
        "head": head,
        "first": max(head - _DEFAULT_RANGE + 1, 1),
        "most": MOST_EVENTS,
        "busy": "busy" in given,
        "live_url": await live_url(context),
    }
    code = 400 if messages else 200
    return render(request, "log.html", values, visitor=visitor, status_code=code)


async def _verify(request: Request, visitor: Visitor, form: Form) -> Response:
    """Start a check; its progress and result are on the page."""
    context, app_id = context_of(request), visitor.caller.app.app_id
    fields = {name: form[name].strip() for name in ("first", "last", "about") if form.get(name)}
    query = read_query(VerifyQuery, QueryParams({k: v for k, v in fields.items() if v}))
    head = await context.invoices.position("invoices")
    stream, first, last = None, query.first or 1, min(query.last or head, head)
    if query.about is not None:
        kind = await context.queries.kind_of(app_id, query.about)
        if kind is None:
            raise NotFound
        stream = ids.for_tenant(app_id, query.about) if kind == "tenant" else query.about
    elif first > last:
        message = f"first: must not be after {last}, the last position of the range or the log"
        raise BadRequest(FieldError(message=message, path="first"))
    elif last - first >= MOST_EVENTS:
        message = f"last: a range has at most {MOST_EVENTS:,} positions; use billhook log verify"
        raise BadRequest(FieldError(message=message, path="last"))
    started = await context.log_verifier.start(app_id, stream=stream, first=first, last=last)
    return RedirectResponse(
        f"{_PATH}#verify" if started else f"{_PATH}?busy=1#verify",
        status_code=HTTPStatus.SEE_OTHER,
        headers={"cache-control": "no-store"},
    )


async def _cancel(request: Request, visitor: Visitor, form: Form) -> Response:
    """Cancel a check; one that is over stays as it is."""
    query = read_query(CancelQuery, QueryParams({"check": form.get("check", "")}))
    await context_of(request).log_verifier.cancel(visitor.caller.app.app_id, query.check)
    return RedirectResponse(f"{_PATH}#verify", status_code=HTTPStatus.SEE_OTHER)


show_log = page(_show)
verify_log = action(_verify)
cancel_check = action(_cancel)
