"""An invoice: its amounts, its timeline as a picture, and what it was at any moment."""

from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID, uuid4

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from domain.invoices.refunds import refundable_minor
from domain.invoices.view import InvoiceView
from projections.inbox.queries import DeliveryFilter
from service.dashboard.context import DashboardContext, context_of
from service.dashboard.filters import given_filters
from service.dashboard.guard import page
from service.dashboard.invoice_actions import ACTIONS, NOTES, possible_actions
from service.dashboard.live import live_url
from service.dashboard.pages import render
from service.dashboard.timeline import Entry, entries_of, moments_of, picture_of
from service.dashboard.visitor import Visitor
from service.http.errors import NotFound
from service.http.queries import GetQuery, read_query
from service.http.requests import path_uuid
from service.recording.read_your_writes import find_invoice, fold_invoice
from service.tenants.customer_names import customer_names

_DELIVERIES: Final = 50


async def _show(request: Request, visitor: Visitor) -> Response:
    context, invoice_id = context_of(request), path_uuid(request, "invoiceUuid")
    given = given_filters(request.query_params)
    as_of = _as_of(given)
    now = await find_invoice(context.recording, visitor.caller, invoice_id)
    shown = now.view
    if as_of is not None:
        folded = await fold_invoice(context.recording, visitor.caller, invoice_id, as_of=as_of)
        shown = folded.view
    app_id = visitor.caller.app.app_id
    recorded = await context.invoices.timeline(app_id, invoice_id)
    entries = entries_of(recorded, shown.currency or now.view.currency)
    moments = moments_of(entries, zone=visitor.caller.app.settings.time_zone)
    values = {
        "invoice": shown,
        "as_of": as_of,
        "as_of_text": given.get("asOf", ""),
        "moments": orjson.dumps(moments).decode(),
        "moment_nr": _moment_nr(entries, as_of, last=len(moments) - 1),
        "moment_last": len(moments) - 1,
        "entries": entries,
        "picture": picture_of(entries),
        "name": (await customer_names(context.recording, [shown])).of(shown),
        "deliveries": await _deliveries(context, visitor, invoice_id),
        "raw": await _raw(context, shown) if "raw" in given else None,
        "note": NOTES.get(given.get("note", "")),
        "live_url": await live_url(context),
        **_action_values(visitor, now.view, is_past=as_of is not None),
    }
    return render(request, "invoice.html", values, visitor=visitor)


async def _confirm(request: Request, visitor: Visitor) -> Response:
    """Show the form of an action as a page of its own, for browsers without scripts.

    An action that has become impossible leads back to the invoice: the link was out of date.
    """
    context, invoice_id = context_of(request), path_uuid(request, "invoiceUuid")
    found = await find_invoice(context.recording, visitor.caller, invoice_id)
    values = _action_values(visitor, found.view, is_past=False)
    name = request.path_params["action"]
    action = next((one for one in values["actions"] if one.path == name), None)
    if action is None and visitor.acts and name in ACTIONS:
        url = f"/dashboard/invoices/{invoice_id}?note=impossible"
        return RedirectResponse(url, status_code=HTTPStatus.SEE_OTHER)
    if action is None:
        raise NotFound
    values = {**values, "invoice": found.view, "action": action}
    return render(request, "confirm.html", values, visitor=visitor)


def _action_values(visitor: Visitor, view: InvoiceView, *, is_past: bool) -> dict[str, Any]:
    possible = [] if is_past or not visitor.acts else possible_actions(view)
    return {
        "actions": [ACTIONS[name] for name in possible],
        "action_key": str(uuid4()),
        "refundable_minor": refundable_minor(view),
    }


def _as_of(given: dict[str, str]) -> datetime | None:
    """Read the moment that is asked for. Raises BadRequest."""
    text = given.get("asOf")
    if text is None:
        return None
    return read_query(GetQuery, QueryParams({"asOf": text})).as_of


def _moment_nr(entries: list[Entry], as_of: datetime | None, *, last: int) -> int:
    """Number the last step of the slider that is not after a moment."""
    if as_of is None:
        return max(last, 0)
    seen = {e.occurred_at.replace(microsecond=e.occurred_at.microsecond // 1000 * 1000)
            for e in entries}  # fmt: skip
    return max(sum(1 for moment in seen if moment <= as_of) - 1, 0)


async def _deliveries(context: DashboardContext, visitor: Visitor, invoice_id: UUID) -> list[Any]:
    filters = DeliveryFilter(
        app_id=visitor.caller.app.app_id, invoice_id=invoice_id, limit=_DELIVERIES
    )
    found = await context.deliveries.list_deliveries(filters)
    return [row.view for row in found.rows if not hasattr(row, "connection_id")]


async def _raw(context: DashboardContext, view: InvoiceView) -> str | None:
    """Return the provider's object as it was stored, without secrets; None if it was erased."""
    body = await context.recording.streams.json_body(view.body)
    return None if body is None else orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()


show_invoice = page(_show)
confirm_action = page(_confirm)
