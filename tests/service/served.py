"""The server's protocol on a socket, before an application that runs already."""

import asyncio
from collections.abc import Mapping
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from service.http.direct import DirectHttp


class Served:
    """Listens on a free port of the loop; `paths` has the requests that the application served."""

    def __init__(self, app: ASGIApp, state: Mapping[str, Any]) -> None:
        self.paths: list[str] = []
        self._app = app
        self.state = state
        self._config = uvicorn.Config(
            self._serve,
            http=DirectHttp,
            interface="asgi3",
            ws="none",
            lifespan="off",
            log_config=None,
        )
        self.server = uvicorn.Server(self._config)
        self._listening: asyncio.Server

    async def listen(self) -> None:
        """Start."""
        self._config.load()
        self._listening = await asyncio.get_running_loop().create_server(
            self._connection, "127.0.0.1", 0
        )
        self.address: tuple[str, int] = self._listening.sockets[0].getsockname()

    async def close(self) -> None:
        """Stop listening."""
        self._listening.close()
        for connection in list(self.server.server_state.connections):
            connection.shutdown()

    def _connection(self) -> DirectHttp:
        return DirectHttp(
            config=self._config, server_state=self.server.server_state, app_state=dict(self.state)
        )

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.paths.append(scope["path"])
        await self._app(scope, receive, send)
