"""From what a dialect rendered to what goes out."""

from collections.abc import Mapping
from typing import Final

import orjson
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Scope

from service.http import envelope
from service.http.error_rendering import renderer_of
from service.http.errors import Problem

POSITION: Final = "x-billhook-position"
LAG_MS: Final = "x-billhook-lag-ms"
# Answers hold a tenant's data: no cache keeps them, and no browser takes them for a page.
PRIVATE: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}
# Where a request's id stands in its ASGI scope.
REQUEST_ID: Final = "billhook.request_id"


def answer(rendered: envelope.Rendered, headers: Mapping[str, str] | None = None) -> Response:
    """Send a JSON document."""
    return Response(
        serialized(rendered.document),
        status_code=int(rendered.status),
        headers={**PRIVATE, **(headers or {})},
        media_type="application/json",
    )


def serialized(shown: envelope.Json | BaseModel) -> bytes:
    """Serialize a document; of a response model, the fields that its constructor was given."""
    if isinstance(shown, BaseModel):
        return shown.model_dump_json(by_alias=True, exclude_unset=True, warnings=False).encode()
    return orjson.dumps(shown)


def document(
    shown: envelope.Json | BaseModel, headers: Mapping[str, str] | None = None
) -> Response:
    """Send a JSON document with status 200."""
    return answer(envelope.Rendered(status=200, document=shown), headers)


def error_response(
    problem: Problem, scope: Scope, headers: Mapping[str, str] | None = None
) -> Response:
    """Send what is wrong, in the dialect of the path."""
    rendered = renderer_of(scope["path"])(problem, request_id=scope.get(REQUEST_ID, ""))
    return answer(rendered, {**problem.headers, **(headers or {})})
