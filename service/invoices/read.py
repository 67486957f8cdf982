from starlette.requests import Request
from starlette.responses import Response

from service.auth.authenticate import authenticate
from service.http.queries import GetQuery, ReadQuery, read_query
from service.http.requests import path_uuid
from service.http.responses import LAG_MS, document
from service.invoices import render as invoices_render
from service.invoices.context import context_of
from service.recording.read_your_writes import find_invoice, fold_invoice, wait_until_folded


async def get_invoice(request: Request) -> Response:
    """Return one invoice with all its details, as of now or as of `asOf`."""
    context = context_of(request)
    caller = await authenticate(request, tokens=True)
    query = read_query(GetQuery, request.query_params)
    invoice_id = path_uuid(request, "invoiceUuid")
    if query.as_of is None:
        found = await find_invoice(context.recording, caller, invoice_id)
    else:
        found = await fold_invoice(context.recording, caller, invoice_id, as_of=query.as_of)
    response = await context.recording.streams.json_body(found.view.body)
    shown = invoices_render.single(
        found.view,
        position=found.position,
        document_url=context.links.document_url(found.view),
        provider_response=response,
    )
    lag_ms = await context.readiness.lag_ms("invoices")
    return document(shown, {LAG_MS: str(lag_ms)})


async def get_invoice_events(request: Request) -> Response:
    """Return the timeline of an invoice."""
    context = context_of(request)
    caller = await authenticate(request, tokens=True)
    query = read_query(ReadQuery, request.query_params)
    invoice_id = path_uuid(request, "invoiceUuid")
    await wait_until_folded(context.recording, query.min_position)
    await find_invoice(context.recording, caller, invoice_id)
    entries = await context.queries.timeline(caller.app.app_id, invoice_id)
    lag_ms = await context.readiness.lag_ms("invoices")
    return document(invoices_render.timeline(entries), {LAG_MS: str(lag_ms)})
