"""HTTP protocol of the server, able to close the connection during a request.

The head of a response is written together with its body: the server's two writes are two packets,
each of which wakes the client.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from starlette.types import Message, Receive, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TRANSPORT = "sandbox.transport"


class JoinedWrites:
    """A transport that holds back the first write of a response until the second one.

    A head that is followed by nothing in the same turn of the loop is written then.
    """

    def __init__(self, transport: asyncio.Transport, *, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head: bytes | None = None
        self.expects_head = True

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of a transport
        """Returns what is not changed here from the transport itself."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Writes, or holds back a head."""
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.write(head + data)
        elif self.expects_head:
            self.expects_head = False
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Writes a head that is held back, and closes."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.write(head)


class HangUpProtocol(HttpToolsProtocol):
    """HTTP protocol that passes the transport to the application."""

    _writes: JoinedWrites

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Joins the writes of each response."""
        self._writes = JoinedWrites(transport, loop=self.loop)
        super().connection_made(cast("asyncio.Transport", self._writes))

    def on_response_complete(self) -> None:
        """Takes the next write for the head of a response."""
        self._writes.expects_head = True
        super().on_response_complete()

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
