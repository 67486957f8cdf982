from collections.abc import Sequence
from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from domain.invoices.view import InvoiceView
from projections.invoices.facets import exists_at_provider
from service.auth.authenticate import authenticate_admin
from service.dialects import admin_invoice_render
from service.dialects.context import DialectsContext, context_of
from service.dialects.response_schemas import AdminInvoice
from service.http.caller import Caller
from service.http.errors import NotFound
from service.http.queries import ReadQuery, read_query
from service.http.responses import LAG_MS, document
from service.http.validation import is_safe
from service.invoices.connection_choice import choose_connection
from service.recording.read_your_writes import find_invoice, wait_until_folded
from service.tenants.customer_names import CustomerNames, customer_names


class AdminListQuery(ReadQuery):
    """Query of the list; the contract requires both fields."""

    page: int = Field(ge=1, le=1_000_000_000)
    limit: int = Field(ge=1, le=100)


class AdminReadQuery(ReadQuery):
    """Query of a single invoice; the contract's page and limit have no effect."""

    page: str | None = None
    limit: str | None = None


async def list_admin_invoices(request: Request) -> Response:
    """List the invoices that Stripe has, newest first (seed 003)."""
    context = context_of(request)
    caller = await authenticate_admin(request)
    query = read_query(AdminListQuery, request.query_params)
    await wait_until_folded(context.recording, query.min_position)
    connection = await _connection(context, caller)
    lag_ms = await context.readiness.lag_ms("invoices")
    found = await context.invoices.list_at_provider(
        caller.app.app_id, connection, page=query.page - 1, limit=query.limit
    )
    count = await context.invoices.count_at_provider(caller.app.app_id, connection)
    views = [row.view for row in found]
    shown = _shown(context, views, await customer_names(context.recording, views))
    return document(admin_invoice_render.page(shown, count=count), {LAG_MS: str(lag_ms)})


async def get_admin_invoice(request: Request) -> Response:
    """Show an invoice that Stripe has, by our id or by Stripe's (seed 003)."""
    context = context_of(request)
    caller = await authenticate_admin(request)
    query = read_query(AdminReadQuery, request.query_params)
    await wait_until_folded(context.recording, query.min_position)
    connection = await _connection(context, caller)
    view = await _find(context, caller, request.path_params["id"])
    if view.connection != connection or not exists_at_provider(view):
        raise NotFound
    lag_ms = await context.readiness.lag_ms("invoices")
    (shown,) = _shown(context, [view], await customer_names(context.recording, [view]))
    return document(shown, {LAG_MS: str(lag_ms)})


async def _connection(context: DialectsContext, caller: Caller) -> str:
    """Return the name of the app's default Stripe connection."""
    found = await choose_connection(context.access, caller.app, "stripe", name=None, test=None)
    return found.name


async def _find(context: DialectsContext, caller: Caller, named: str) -> InvoiceView:
    """Find an invoice by our id or the provider's. Raises NotFound."""
    try:
        invoice_id = UUID(named)
    except ValueError:
        invoice_id = await _id_of(context, caller.app.app_id, named)
    return (await find_invoice(context.recording, caller, invoice_id)).view


async def _id_of(context: DialectsContext, app_id: UUID, named: str) -> UUID:
    """Find our id by the provider's, once more after the read model has caught up."""
    if not is_safe(named):
        raise NotFound
    row = await context.invoices.by_provider_id(app_id, named)
    if row is None:
        await wait_until_folded(context.recording, await context.recording.log.head_async())
        row = await context.invoices.by_provider_id(app_id, named)
    if row is None:
        raise NotFound
    return row.view.id


def _shown(
    context: DialectsContext, views: Sequence[InvoiceView], names: CustomerNames
) -> list[AdminInvoice]:
    return [
        admin_invoice_render.invoice(
            view, name=names.of(view), pdf=context.links.document_url(view)
        )
        for view in views
    ]
