"""Build Starlette's responses from rendered documents and problems."""

import json
import math
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import orjson
import structlog
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError
from starlette.responses import Response
from starlette.types import Scope

from service.http import envelope
from service.http.error_rendering import renderer_of
from service.http.errors import Problem, problem_of

_log = structlog.get_logger("billhook.service")

POSITION: Final = "x-billhook-position"
LAG_MS: Final = "x-billhook-lag-ms"
# Responses contain a tenant's data: they must not be cached, nor be interpreted as HTML.
PRIVATE: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}
# Keys of a request's ASGI scope: its id, and why the service could not answer it.
REQUEST_ID: Final = "billhook.request_id"
_FAILURE: Final = "billhook.failure"


def answer(rendered: envelope.Rendered, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response."""
    return Response(
        serialized(rendered.document),
        status_code=int(rendered.status),
        headers={**PRIVATE, **(headers or {})},
        media_type="application/json",
    )


def serialized(shown: envelope.Json | BaseModel) -> bytes:
    """Serialize a document; of a response model, the fields that its constructor was given.

    A value that its field's type cannot write is written by its own type: responses are not
    validated, and an unexpected value must not result in a 500.
    """
    try:
        if isinstance(shown, BaseModel):
            return shown.model_dump_json(by_alias=True, exclude_unset=True, warnings=False).encode()
        return orjson.dumps(shown)
    except (PydanticSerializationError, orjson.JSONEncodeError) as error:
        _log.warning(
            "response.unexpected_value",
            document=type(shown).__name__,
            error=type(error).__name__,
        )
        return json.dumps(_plain(shown)).encode()


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value of a document
    """Return a value as JSON types; `json` escapes text that is not valid UTF-8."""
    match value:
        case BaseModel():
            fields, given = type(value).model_fields, vars(value)
            return {fields[name].alias or name: _plain(given[name]) for name in given}
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(inner) for inner in value]
        case datetime():
            return envelope.moment(value)
        case float() if not math.isfinite(value):
            return None
        case _:
            return value if isinstance(value, None | bool | int | float | str) else str(value)


def document(
    shown: envelope.Json | BaseModel, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON response with status 200."""
    return answer(envelope.Rendered(status=200, document=shown), headers)


def problem_within(scope: Scope, error: Exception) -> Problem:
    """Return the problem of an error that ended a request.

    If the service is at fault, the request's line in the log tells the error's kind and text.
    """
    problem = problem_of(error)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        scope[_FAILURE] = f"{type(error).__name__}: {error}".removesuffix(": ")
    return problem


def failure_of(scope: Scope) -> str | None:
    """Return what `problem_within` kept of a request."""
    return scope.get(_FAILURE)


def error_response(
    problem: Problem, scope: Scope, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the error response of a problem, in the dialect of the path."""
    rendered = renderer_of(scope["path"])(problem, request_id=scope.get(REQUEST_ID, ""))
    return answer(rendered, {**problem.headers, **(headers or {})})
