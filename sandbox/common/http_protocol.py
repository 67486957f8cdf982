"""The HTTP server's protocol, with a way to hang up in the middle of a request."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TRANSPORT = "sandbox.transport"


class HangUpProtocol(HttpToolsProtocol):
    """Hands the connection to the application, which may drop it."""

    def on_message_begin(self) -> None:
        """Adds the connection to the request's scope."""
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Closes the connection without an answer, and returns once it is closed."""
    transport: asyncio.Transport = scope["extensions"][TRANSPORT]["transport"]
    transport.abort()
    message: Message = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()
