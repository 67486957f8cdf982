from typing import cast
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import Response

from domain.core import ids
from domain.core.providers import Mode, Provider
from domain.invoices.commands import RequestInvoice
from projections.access.queries import ConnectionRow
from service.auth.authenticate import Caller, authenticate
from service.http.requests import idempotency_key, path_provider, path_uuid, read_json, wait_s
from service.http.responses import answer
from service.http.validation import validate
from service.invoices import render as invoices_render
from service.invoices.connection_choice import choose_connection
from service.invoices.context import InvoicesContext, context_of
from service.invoices.schemas import InvoiceRequestBody, require_subscribable
from service.recording.record import RecordedInvoice, record_invoice_request, request_hash
from service.recording.response_headers import invoice_headers

DIALECT = "002"


async def create_invoice(request: Request) -> Response:
    """Request an invoice (seed 002)."""
    context = context_of(request)
    caller = await authenticate(request)
    tenant_id, provider = path_uuid(request, "tenantUuid"), path_provider(request)
    key = idempotency_key(request)
    given = await read_json(request, context.settings)
    body = validate(
        InvoiceRequestBody, given, context={"tenant_id": tenant_id, "provider": provider}
    )
    require_subscribable(body)
    await context.known_tenants.require(caller.app.app_id, tenant_id)
    connection = await choose_connection(
        context.access, caller.app, provider, name=body.connection, test=body.test
    )
    command = to_command(
        body, caller, connection, provider, key=key, hashed=request_hash(request, given)
    )
    seconds = wait_s(
        request, default_s=context.settings.wait_default_s, most_s=context.settings.wait_max_s
    )
    recorded = await record_invoice_request(context.recording, command, wait_s=seconds)
    return await _present(context, recorded)


def to_command(
    body: InvoiceRequestBody,
    caller: Caller,
    connection: ConnectionRow,
    provider: Provider,
    *,
    key: str | None,
    hashed: str,
) -> RequestInvoice:
    """Build the command; the invoice's id is derived from the idempotency key, if there is one."""
    defaults = caller.app.settings.invoice_defaults
    return RequestInvoice(
        invoice_id=_invoice_id(caller.app.app_id, key),
        app_id=caller.app.app_id,
        tenant_id=body.tenant_uuid,
        provider=provider,
        connection=connection.name,
        connection_id=connection.connection_id,
        mode=cast("Mode", connection.mode),
        dialect=DIALECT,
        type=body.type,
        lines=[line.to_event() for line in body.line_items],
        tax_rate_id=body.tax_rate_id,
        payment_method=body.payment_method,
        user_id=body.user_id,
        footer=defaults.get("footer") if body.footer is None else body.footer,
        description=defaults.get("description") if body.description is None else body.description,
        metadata=body.metadata,
        redirect_url=body.redirect_url,
        expected_total_minor=body.expected_total_minor,
        request_hash=hashed,
        actor=caller.actor,
    )


def _invoice_id(app_id: UUID, key: str | None) -> UUID:
    return uuid4() if key is None else ids.for_post(app_id, None, key)


async def _present(context: InvoicesContext, recorded: RecordedInvoice) -> Response:
    """Return the invoice with its outcome, or (202) the recorded request while it is pending."""
    view, position = recorded.result.view, recorded.result.position
    headers = invoice_headers(recorded)
    if recorded.pending:
        return answer(invoices_render.render_pending(view, position=position), headers)
    response = await context.recording.streams.json_body(view.body)
    rendered = invoices_render.render_outcome(
        view,
        position=position,
        document_url=context.links.document_url(view),
        provider_response=response,
    )
    return answer(rendered, headers)
