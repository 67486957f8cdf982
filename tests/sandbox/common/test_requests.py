"""Reading of requests: a body that comes in parts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message, Scope

from sandbox.common.requests import receive_request

_SCOPE: Scope = {
    "type": "http",
    "method": "POST",
    "path": "/v1/invoices",
    "query_string": b"",
    "headers": [],
}


class _Part(bytes):
    """A part of a body. ``copied`` counts the bytes of all concatenations with such parts."""

    copied = 0

    def __radd__(self, before: bytes) -> bytes:
        _Part.copied += len(before) + len(self)
        return bytes(before) + bytes(self)


def _read(messages: Sequence[Message]) -> bytes:
    left = iter(messages)

    async def receive() -> Message:
        return next(left)

    return asyncio.run(receive_request(_SCOPE, receive)).body


def _parts(*parts: bytes) -> list[Message]:
    last = len(parts) - 1
    return [
        {"type": "http.request", "body": part, "more_body": at < last}
        for at, part in enumerate(parts)
    ]


def test_a_body_of_many_parts_is_not_copied_for_each_of_them() -> None:
    _Part.copied = 0
    parts = [_Part(bytes([at % 256]) * 10) for at in range(1_000)]

    body = _read(_parts(*parts))

    assert body == b"".join(parts)
    assert _Part.copied <= len(body)


@pytest.mark.parametrize("parts", [[b""], [b"a=1"], [b"a=1", b"", b"&b=2"]])
def test_the_parts_of_a_body_are_joined_in_their_order(parts: list[bytes]) -> None:
    assert _read(_parts(*parts)) == b"".join(parts)


@pytest.mark.parametrize("received", [0, 1])
def test_a_connection_that_ends_within_a_body_raises(received: int) -> None:
    begun: list[Message] = [{"type": "http.request", "body": b"a=", "more_body": True}] * received

    with pytest.raises(ClientDisconnect):
        _read([*begun, {"type": "http.disconnect"}])
