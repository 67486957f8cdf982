"""HTTP protocol of the server, able to close the connection during a request."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TRANSPORT = "sandbox.transport"


class HangUpProtocol(HttpToolsProtocol):
    """HTTP protocol that passes the transport to the application."""

    def on_message_begin(self) -> None:
        """Adds the connection to the request's scope."""
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Closes the connection without a response, and returns once it is closed."""
    transport: asyncio.Transport = scope["extensions"][TRANSPORT]["transport"]
    transport.abort()
    message: Message = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()
