"""Restrict the admin APIs to programs on this machine."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PATH: Final = "/_admin"
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})
_HOSTS: Final = frozenset({"127.0.0.1", "[::1]", "localhost"})


class AdminGuard:
    """Answers admin requests from other machines and from web pages with 403.

    A page that a browser on this machine shows could send requests here, directly (they carry
    ``Origin``) or after its own host name was pointed at loopback (they carry that ``Host``).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it."""
        reason = _refusal(scope) if scope["type"] == "http" else None
        if reason is None:
            await self._app(scope, receive, send)
            return
        await JSONResponse({"error": {"message": reason}}, 403)(scope, receive, send)


def _refusal(scope: Scope) -> str | None:
    path = str(scope["path"])
    if path != PATH and not path.startswith(f"{PATH}/"):
        return None
    headers = Headers(scope=scope)
    if scope["client"] is None or scope["client"][0] not in _LOOPBACK:
        return "loopback only"
    if _without_port(headers.get("host", "")) not in _HOSTS:
        return "the Host header must be a loopback address or localhost"
    if "origin" in headers:
        return "requests of web pages are refused (Origin header)"
    return None


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host
