from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from service.auth import authenticate
from service.context import context_of
from service.errors import Missing
from service.incoming import path_uuid
from service.links import DOCUMENT, RETURN
from service.reading import fold_invoice
from service.return_page import CONTENT_SECURITY_POLICY, return_page
from service.streams import Folded

# Whoever has the URL has the invoice: it goes into no cache, no search engine, no other's log.
_PRIVATE: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
}


async def get_document(request: Request) -> Response:
    """Send the caller on to the provider's document, by a fresh link."""
    context = context_of(request)
    caller = await authenticate(request, tokens=True)
    # A row that is behind might know of no document yet.
    found = await fold_invoice(context, caller, path_uuid(request, "invoiceUuid"))
    return _redirect(await context.documents.url(found.view))


async def open_document(request: Request) -> Response:
    """Send whoever has the link on to the provider's document."""
    found = await _named(request, purpose=DOCUMENT)
    return _redirect(await context_of(request).documents.url(found.view))


async def show_return(request: Request) -> Response:
    """Show a customer who comes back from paying how the payment stands."""
    found = await _named(request, purpose=RETURN)
    links = context_of(request).links
    page = return_page(found.view, document_url=links.document_url(found.view))
    headers = _PRIVATE | {"content-security-policy": CONTENT_SECURITY_POLICY}
    return HTMLResponse(page, headers=headers)


async def _named(request: Request, *, purpose: str) -> Folded:
    """Find the invoice of a link. Raises Missing."""
    context = context_of(request)
    named = context.links.invoice_id(request.path_params["token"], purpose=purpose)
    found = await context.streams.invoice(named)
    if found is None:
        raise Missing
    return found


def _redirect(url: str) -> Response:
    return Response(status_code=int(HTTPStatus.FOUND), headers=_PRIVATE | {"location": url})
