from functools import cache
from pathlib import Path
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from service.openapi_document import document
from service.operations.context import context_of

_FOLDER: Final = Path(__file__).parent
# Scripts and data come from this service alone. The viewer uses inline styles, icons as data URLs,
# and a search worker created from a blob.
_SAME_ORIGIN_ONLY: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'unsafe-inline'; img-src data:; worker-src blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_CACHED_FOR_A_DAY: Final = {
    "cache-control": "public, max-age=86400",
    "x-content-type-options": "nosniff",
}


async def openapi(request: Request) -> Response:
    """Return the OpenAPI document."""
    written = _written(context_of(request).public_url)
    return Response(written, media_type="application/json")


async def docs(_: Request) -> Response:
    """Return the page that shows the OpenAPI document."""
    return HTMLResponse(_file("page.html"), headers=_SAME_ORIGIN_ONLY)


async def docs_viewer(_: Request) -> Response:
    """Return the script of the documentation viewer (service/docs/vendored.json)."""
    script = _file("redoc.standalone.js")
    return Response(script, headers=_CACHED_FOR_A_DAY, media_type="text/javascript")


@cache
def _written(public_url: str) -> bytes:
    return orjson.dumps(document(public_url))


@cache
def _file(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()
