from collections.abc import Mapping
from functools import partial
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from projections.invoices.queries import InvoiceFilter
from service.auth.authenticate import Caller, authenticate
from service.http.envelope import Json
from service.http.queries import read_list_query, to_filter
from service.http.requests import path_provider, path_uuid
from service.http.responses import LAG_MS, document
from service.invoices import render as invoices_render
from service.invoices import stored_items
from service.invoices.connection_choice import default_mode
from service.invoices.context import InvoicesContext, context_of
from service.invoices.csv_export import csv_answer
from service.invoices.response_schemas import InvoicePage
from service.recording.read_your_writes import wait_until_folded


async def list_app_invoices(request: Request) -> Response:
    """List an app's invoices; to a token, those of its tenant."""
    caller = await authenticate(request, tokens=True)
    fixed = {"tenant_id": caller.tenant_id} if caller.is_token else {}
    return await _list(request, caller, fixed=fixed, paged=False)


async def list_tenant_invoices(request: Request) -> Response:
    """List a tenant's invoices."""
    caller = await authenticate(request, tokens=True)
    fixed = {"tenant_id": await _tenant(request, caller)}
    return await _list(request, caller, fixed=fixed, paged=False)


async def list_provider_invoices(request: Request) -> Response:
    """List a tenant's invoices at a provider (seed 002's path, with its `page`)."""
    caller = await authenticate(request, tokens=True)
    provider = path_provider(request)
    fixed = {"tenant_id": await _tenant(request, caller), "provider": provider}
    return await _list(request, caller, fixed=fixed, paged=True)


async def _tenant(request: Request, caller: Caller) -> UUID:
    tenant_id = path_uuid(request, "tenantUuid")
    await context_of(request).known_tenants.require(caller.app.app_id, tenant_id)
    return tenant_id


async def _list(
    request: Request, caller: Caller, *, fixed: Mapping[str, object], paged: bool
) -> Response:
    context = context_of(request)
    query = read_list_query(request.query_params, paged=paged)
    await wait_until_folded(context.recording, query.min_position)
    provider = fixed.get("provider", query.provider)
    mode = await default_mode(
        context.access, caller.app, None if provider is None else str(provider)
    )
    headers = {LAG_MS: str(await context.readiness.lag_ms("invoices"))}
    filters = to_filter(query, caller.app.app_id, default_mode=mode, fixed=fixed)
    if query.format == "csv":
        read = partial(context.queries.stream_invoices, filters)
        return await csv_answer(read, links=context.links, headers=headers)
    return document(await _page(context, filters), headers)


async def _page(context: InvoicesContext, filters: InvoiceFilter) -> Json:
    found = await context.queries.list_stored(filters)
    url = context.links.stored_document_urls()
    items = [
        stored_items.item(row.fields, position=row.position, document_url=url(row.fields))
        for row in found.rows
    ]
    page = InvoicePage(
        kind=invoices_render.KIND,
        total_items=found.total,
        total_items_is_exact=found.total_is_exact,
        items_length=len(items),
        items=[],
        next_cursor=found.next_cursor,
    )
    return page.to_json() | {"items": items}
