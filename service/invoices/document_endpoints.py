from http import HTTPStatus
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from domain.payment_methods.setup import MethodSetup
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
from service.recording.read_your_writes import fold_invoice
from service.recording.streams import FoldedInvoice

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
    # The row of the read model may be older than the document.
    found = await fold_invoice(context.recording, caller, path_uuid(request, "invoiceUuid"))
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
    setup = await context.recording.streams.aggregate(named, MethodSetup)
    if setup is not None:
        return setup_return_page(setup[0].view)
    view = (await _found(context, named)).view
    return return_page(view, document_url=context.links.document_url(view))


async def _found(context: InvoicesContext, invoice_id: UUID) -> FoldedInvoice:
    """Find the invoice of a link. Raises NotFound."""
    found = await context.recording.streams.invoice(invoice_id)
    if found is None:
        raise NotFound
    return found


def _redirect(url: str) -> Response:
    return Response(status_code=int(HTTPStatus.FOUND), headers=_PRIVATE | {"location": url})
