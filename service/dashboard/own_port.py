"""Keep the dashboard on its own port: served there alone, and nothing else beside it."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from service.http.errors import NotFound, problem_of
from service.http.responses import error_response

_PATH: Final = "/dashboard"


class OwnPort:
    """Answer 404 to dashboard paths on other ports, and to other paths on the dashboard's."""

    def __init__(self, app: ASGIApp, *, port: int) -> None:
        self._app = app
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and _is_dashboard(scope) != self._is_own(scope):
            await error_response(problem_of(NotFound()), scope)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_own(self, scope: Scope) -> bool:
        server: tuple[str, int | None] | None = scope.get("server")
        return server is not None and server[1] == self._port


def _is_dashboard(scope: Scope) -> bool:
    path: str = scope["path"]
    return path == _PATH or path.startswith(f"{_PATH}/")
