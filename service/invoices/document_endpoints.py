from http import HTTPStatus
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from domain.payment_methods.setup import MethodSetup
from eventlog.errors import HistoryDetached
from service.auth.authenticate import authenticate
from service.http.errors import NotFound
from service.http.requests import path_uuid
from service.invoices.context import InvoicesContext, context_of
from service.invoices.documents import DOCUMENT, RETURN
from service.invoices.return_page import (
    CONTENT_SECURITY_POLICY,
    return_page,
    setup_return_page,
)
from service.recording.read_your_writes import find_invoice
from service.recording.streams import Folded, FoldedInvoice

# The URL gives access to the invoice: keep it out of caches, search engines and referrers.
_PRIVATE: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
}


async def get_document(request: Request) -> Response:
    """Send the caller on to the provider's document, by a fresh link."""
    context = context_of(request)
    caller = await authenticate(request, tokens=True)
    found = await find_invoice(context.recording, caller, path_uuid(request, "invoiceUuid"))
    return _redirect(await context.documents.url(found.view))


async def open_document(request: Request) -> Response:
    """Send whoever has the link on to the provider's document."""
    context = context_of(request)
    named = context.links.invoice_id(request.path_params["token"], purpose=DOCUMENT)
    return _redirect(await context.documents.url((await _found(context, named)).view))


async def show_return(request: Request) -> Response:
    """Show a customer who comes back how the payment stands, or what became of a method."""
    context = context_of(request)
    named = context.links.invoice_id(request.path_params["token"], purpose=RETURN)
    headers = _PRIVATE | {"content-security-policy": CONTENT_SECURITY_POLICY}
    return HTMLResponse(await _return_page(context, named), headers=headers)


async def _return_page(context: InvoicesContext, named: UUID) -> str:
    try:
        setup = await context.recording.streams.aggregate(named, MethodSetup)
    except HistoryDetached:
        setup = None  # only invoices are archived
    if setup is not None:
        return setup_return_page(setup[0].view)
    view = (await _found(context, named)).view
    return return_page(view, document_url=context.links.document_url(view))


async def _found(context: InvoicesContext, invoice_id: UUID) -> FoldedInvoice:
    """Find the invoice of a link. Raises NotFound.

    It is folded from its stream: the row of the read model may be older than the document. What is
    archived has ended, so that its row says the same.
    """
    try:
        found = await context.recording.streams.invoice(invoice_id)
    except HistoryDetached:
        row = await context.recording.read_model.get_linked_invoice(invoice_id)
        found = None if row is None else Folded(row.view, row.position)
    if found is None:
        raise NotFound
    return found


def _redirect(url: str) -> Response:
    return Response(status_code=int(HTTPStatus.FOUND), headers=_PRIVATE | {"location": url})
