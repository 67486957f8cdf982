from functools import cache
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from service.context import context_of
from service.openapi import page
from service.openapi_document import document

# The page is complete in itself; whatever may ever be put into it, nothing is loaded.
_LOADS_NOTHING: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


async def openapi(request: Request) -> Response:
    """Give the OpenAPI document."""
    written = _written(context_of(request).settings.public_url)
    return Response(written, media_type="application/json")


async def docs(request: Request) -> Response:
    """Give the document as a page to read."""
    html = _html(context_of(request).settings.public_url)
    return HTMLResponse(html, headers=_LOADS_NOTHING)


@cache
def _written(public_url: str) -> bytes:
    return orjson.dumps(document(public_url))


@cache
def _html(public_url: str) -> str:
    return page.render(document(public_url))
