"""Parts of an ASGI request, read without the objects that Starlette makes of them."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope


@dataclass(frozen=True)
class ReceivedRequest:
    """A request. ``headers``: by lower-case name, the first of each; ``path`` is unquoted."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


async def receive_request(scope: Scope, receive: Receive) -> ReceivedRequest:
    """Reads a request with its body. Raises ClientDisconnect."""
    return ReceivedRequest(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("utf-8", "replace"),
        headers={
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in reversed(scope["headers"])
        },
        body=await _body(receive),
    )


async def _body(receive: Receive) -> bytes:
    message = await receive()
    parts: list[bytes] = [message.get("body", b"")]
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return b"".join(parts)
