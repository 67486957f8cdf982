"""Create drafts at Stripe (seeds 003 and 004)."""

import asyncio
from typing import Any, Final, Literal, Protocol, cast
from urllib.parse import parse_qsl
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from domain.core.providers import Mode
from domain.invoices.commands import RequestInvoice
from domain.invoices.view import InvoiceView
from projections.access.queries import ConnectionRow
from service.auth.authenticate import authenticate_admin, authenticate_lone_key
from service.dialects import admin_invoice_render, pending_items_draft_render
from service.dialects.context import context_of
from service.dialects.schemas import FORM, DraftBody, PendingItemsBody, PendingItemsQuery, unwrapped
from service.dialects.stripe_charge import invoice_id_of
from service.http.caller import Caller
from service.http.envelope import Json, Rendered
from service.http.errors import BadRequest, FieldError, NotFound, Problem
from service.http.queries import read_query
from service.http.requests import idempotency_key, read_body, read_json, wait_s
from service.http.responses import answer, error_response
from service.http.validation import validate
from service.invoices.connection_choice import choose_connection, require_stripe
from service.recording.record import record_invoice_request, request_hash
from service.recording.response_headers import invoice_headers
from service.settings import Settings

_MOST_FIELDS: Final = 20


class _Dialect(Protocol):
    """Seed 003 or 004."""

    def failure_problem(self, view: InvoiceView) -> Problem | None: ...
    def render_outcome(self, stored: Json) -> Rendered: ...
    def render_pending(self) -> Rendered: ...


async def create_admin_invoice(request: Request) -> Response:
    """Create a draft that Stripe finalises and charges (seed 003)."""
    context = context_of(request)
    caller = await authenticate_admin(request)
    key = idempotency_key(request)
    given = await read_json(request, context.settings)
    body = validate(DraftBody, unwrapped(given))
    connection = await choose_connection(context.access, caller.app, "stripe", name=None, test=None)
    defaults = caller.app.settings.invoice_defaults
    command = await _to_command(
        request,
        caller,
        connection,
        given,
        key=key,
        dialect=admin_invoice_render.DIALECT,
        flow="draft",
        customer=body.customer,
        lines=body.lines(),
        payment_method=body.payment_method,
        description=defaults.get("description"),
        footer=defaults.get("footer"),
    )
    return await _record(request, command, cast("_Dialect", admin_invoice_render))


async def create_pending_items_draft(request: Request) -> Response:
    """Create a draft with a customer's pending items (seed 004)."""
    context = context_of(request)
    query = read_query(PendingItemsQuery, request.query_params)
    caller = await authenticate_lone_key(request, query.name)
    key = idempotency_key(request)
    given = await _form_or_json(request, context.settings)
    body = validate(PendingItemsBody, given)
    connection = await context.access.connection_named(caller.app.app_id, query.connection_name)
    if connection is None:
        raise NotFound
    require_stripe(connection, path="connection_name")
    command = await _to_command(
        request,
        caller,
        connection,
        given,
        key=key,
        dialect=pending_items_draft_render.DIALECT,
        flow="include_pending_items",
        customer=body.customer,
        lines=[],
    )
    return await _record(request, command, cast("_Dialect", pending_items_draft_render))


async def _tenant(
    request: Request, caller: Caller, connection: ConnectionRow, customer: str
) -> UUID | None:
    """Find the tenant of a customer; without one the invoice is unassigned."""
    billing = context_of(request).recording.billing
    return await asyncio.to_thread(
        billing.tenant_of_customer, caller.app.app_id, connection.name, customer
    )


async def _to_command(
    request: Request,
    caller: Caller,
    connection: ConnectionRow,
    given: object,
    *,
    key: str | None,
    dialect: str,
    flow: Literal["draft", "include_pending_items"],
    customer: str,
    lines: list[dict[str, Any]],
    payment_method: str | None = None,
    description: str | None = None,
    footer: str | None = None,
) -> RequestInvoice:
    """Build the command."""
    return RequestInvoice(
        invoice_id=invoice_id_of(caller, key),
        app_id=caller.app.app_id,
        tenant_id=await _tenant(request, caller, connection, customer),
        provider="stripe",
        connection=connection.name,
        connection_id=connection.connection_id,
        mode=cast("Mode", connection.mode),
        dialect=dialect,
        type="payment",
        flow=flow,
        customer=customer,
        lines=lines,
        request_hash=request_hash(request, given),
        payment_method=payment_method,
        description=description,
        footer=footer,
        actor=caller.actor,
    )


async def _record(request: Request, command: RequestInvoice, dialect: _Dialect) -> Response:
    """Record the request; respond with the provider's invoice, or (202) while it is pending."""
    context = context_of(request)
    settings = context.settings
    seconds = wait_s(request, default_s=settings.wait_charged_s, most_s=settings.wait_max_s)
    recorded = await record_invoice_request(context.recording, command, wait_s=seconds)
    view, headers = recorded.result.view, invoice_headers(recorded)
    if recorded.pending:
        return answer(dialect.render_pending(), headers)
    problem = dialect.failure_problem(view)
    if problem is not None:
        return error_response(problem, request.scope, headers)
    stored = await context.recording.streams.json_body(view.body)
    return answer(dialect.render_outcome(stored or {}), headers)


async def _form_or_json(request: Request, settings: Settings) -> object:
    """Read a form as an object of its fields, or JSON. Raises as `read_json`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM:
        return await read_json(request, settings)
    raw = await read_body(request, limit_bytes=settings.body_limit_bytes)
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise BadRequest(FieldError(message="the body is not a form")) from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise BadRequest(FieldError(message="the body has a duplicate field"))
    return fields
