"""CORS: access by pages of other origins to seed 000 and to reads by token."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol, cast
from uuid import UUID

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from projections.access.queries import AppRow
from projections.engine.errors import ReadModelUnavailable
from service.http.caller import Caller
from service.http.errors import ApiError

_EXPOSED: Final = "Location, X-Request-Id, Retry-After"
# Headers of keys are not allowed: everybody can read a key in a page.
_ALLOWED_HEADERS: Final = (
    "Authorization, Authentication, Content-Type, Idempotency-Key, Prefer, X-Client-Id,"
    " X-Request-Id"
)
_PREFLIGHT_LIFE_S: Final = 600
_LONGEST_ORIGIN: Final = 255


class AllowedOrigins(Protocol):
    """The part of the access cache that CORS reads."""

    async def allows_origin(self, origin: str) -> bool:
        """Return whether any app allows pages of an origin."""

    async def app_guessed(self, app_id: UUID) -> AppRow | None:
        """Find an app for a caller that is not authenticated."""


class Cors:
    """Set the CORS headers of routes with `browsers` (their methods), per app.

    A preflight has no caller. If its path has no app either, every app's origins are allowed; the
    response itself can be read only by pages of the caller's app.
    """

    def __init__(self, app: ASGIApp, origins: Callable[[], AllowedOrigins]) -> None:
        """`origins` returns the allowed origins once the application has started."""
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start" and _browsers(scope):
                await _add_headers(scope, MutableHeaders(scope=message), self._origins())
            await send(message)

        await self._app(scope, receive, pass_on if scope["type"] == "http" else send)


async def answer_preflight(request: Request) -> Response:
    """Respond to OPTIONS; `Cors` adds the headers."""
    methods = sorted(request.scope["route"].methods)
    return Response(status_code=204, headers={"allow": ", ".join(methods)})


async def _add_headers(scope: Scope, headers: MutableHeaders, origins: AllowedOrigins) -> None:
    methods, request_headers = _browsers(scope), Headers(scope=scope)
    if not methods:
        return
    headers.add_vary_header("Origin")
    origin = request_headers.get("origin", "")
    is_preflight = scope["method"] == "OPTIONS"
    method = (
        request_headers.get("access-control-request-method", "")
        if is_preflight
        else scope["method"]
    )
    if method not in methods or not await _allowed(scope, origin, origins):
        return
    headers["access-control-allow-origin"] = origin
    if is_preflight:
        headers["access-control-allow-methods"] = ", ".join(methods)
        headers["access-control-allow-headers"] = _ALLOWED_HEADERS
        headers["access-control-max-age"] = str(_PREFLIGHT_LIFE_S)
    else:
        headers["access-control-expose-headers"] = _EXPOSED


def _browsers(scope: Scope) -> Sequence[str]:
    return cast("Sequence[str]", getattr(scope.get("route"), "browsers", ()))


async def _allowed(scope: Scope, origin: str, origins: AllowedOrigins) -> bool:
    """Return whether pages of an origin may read the response; False while it is unknown."""
    caller: Caller | None = scope.get("state", {}).get("caller")
    if not origin or len(origin) > _LONGEST_ORIGIN or not origin.isascii():
        return False
    try:
        if caller is not None:
            return origin in caller.app.settings.allowed_origins
        if "appUuid" not in scope.get("path_params", {}):
            return await origins.allows_origin(origin)
        app = await origins.app_guessed(UUID(scope["path_params"]["appUuid"]))
    except (ValueError, ApiError, ReadModelUnavailable):
        return False
    return app is not None and origin in app.settings.allowed_origins
