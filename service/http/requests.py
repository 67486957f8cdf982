"""Parse and check the parts of a request."""

import re
from functools import lru_cache
from typing import Any, Final, cast, get_args
from uuid import UUID

import orjson
from starlette.requests import ClientDisconnect, Request

from domain.core.providers import Provider
from service.http.errors import BadRequest, FieldError, NotFound, TooLarge, UnsupportedMedia
from service.http.limits import require_shape
from service.settings import Settings

_IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_WAIT: Final = re.compile(r"wait\s*=\s*\"?([0-9]{1,6})\"?")
_PROVIDERS: Final = get_args(Provider)


async def read_body(request: Request, *, limit_bytes: int) -> bytes:
    """Read the body, at most `limit_bytes`. Raises TooLarge."""
    announced = raw_header(request, b"content-length")
    if announced is not None and announced.isdigit() and int(announced) > limit_bytes:
        raise TooLarge
    parts: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit_bytes:
            raise TooLarge
        parts.append(part)
        if not message.get("more_body", False):
            return part if len(parts) == 1 else b"".join(parts)


def raw_header(request: Request, name: bytes) -> bytes | None:
    """Return the first header of a name in lower case; None where there is none."""
    for given, value in request.scope["headers"]:
        if given == name:
            return cast("bytes", value)
    return None


async def read_json(request: Request, settings: Settings, *, default: object = None) -> Any:  # noqa: ANN401 - any JSON
    """Parse a JSON body; `default`, if given, replaces an empty one.

    Raises TooLarge, UnsupportedMedia, BadRequest.
    """
    raw = await read_body(request, limit_bytes=settings.body_limit_bytes)
    if not raw and default is not None:
        return default
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if media_type != "application/json" or encoding != "identity":
        raise UnsupportedMedia
    try:
        given = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(
            FieldError(message=f"the body is not JSON at character {error.pos}")
        ) from None
    require_shape(given, deepest=settings.json_depth_limit, most_fields=settings.json_fields_limit)
    return given


def path_uuid(request: Request, name: str) -> UUID:
    """Parse an id of the path. Raises NotFound if it is not an id."""
    try:
        return parsed_uuid(request.path_params[name])
    except ValueError:
        raise NotFound from None


parsed_uuid = lru_cache(maxsize=1024)(UUID)
"""Parse an id. Raises ValueError."""


def path_provider(request: Request) -> Provider:
    """Read the provider from the path. Raises BadRequest."""
    named = request.path_params["paymentProvider"]
    if named not in _PROVIDERS:
        known = ", ".join(_PROVIDERS)
        raise BadRequest(
            FieldError(message=f"paymentProvider: must be one of {known}", path="paymentProvider")
        )
    return cast("Provider", named)


def idempotency_key(request: Request) -> str | None:
    """Read the key, if there is one. Raises BadRequest."""
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    if len(given) > 1 or not _IDEMPOTENCY_KEY.fullmatch(given[0]):
        message = "Idempotency-Key: must be 1 to 255 visible ASCII characters, once"
        raise BadRequest(FieldError(message=message, path="Idempotency-Key"))
    return given[0]


def wait_s(request: Request, *, default_s: float, most_s: float) -> float:
    """Parse the caller's `Prefer: wait` (RFC 7240); invalid preferences are ignored.

    `wait` counts more than `respond-async`: answer at once only if not even a while is given.
    """
    preferences = ",".join(request.headers.getlist("prefer")).lower().split(",")
    wished = [preference.partition(";")[0].strip() for preference in preferences]
    for preference in wished:
        if found := _WAIT.fullmatch(preference):
            return min(float(found[1]), most_s)
    return 0 if "respond-async" in wished else min(default_s, most_s)
