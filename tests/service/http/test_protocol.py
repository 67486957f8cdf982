"""The HTTP server itself: heads that are too long or never end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import uvicorn
import uvloop
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from service.http.joined_writes import JoinedWrites
from service.http.protocol import BoundedHttp
from service.settings import LONGEST_HEAD_BYTES
from tests.support.wait_until import until


class Impatient(BoundedHttp):
    head_timeout_s = body_rest_timeout_s = 0.2


@asynccontextmanager
async def connected(
    protocol: type[BoundedHttp], app: ASGIApp | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = uvicorn.Config(
        app or PlainTextResponse("hello"),
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        # A client that sends single bytes is never idle.
        timeout_keep_alive=600,
    )
    server = uvicorn.Server(config)
    config.load()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: config.http_protocol_class(  # type: ignore[call-arg]
            config=config, server_state=server.server_state, app_state={}
        ),
        "127.0.0.1",
        0,
    )
    reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
    try:
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.close()
        listening.close()


def test_a_head_that_fills_the_memory_is_cut_off() -> None:
    async def scenario() -> bytes:
        async with connected(BoundedHttp) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\n")
            for _ in range(LONGEST_HEAD_BYTES // 1000 + 2):
                writer.write(b"x: " + b"y" * 1000 + b"\r\n")
            return await reader.read()

    assert asyncio.run(scenario()).startswith(b"HTTP/1.1 431 ")


def test_many_requests_of_one_connection_each_have_their_own_head() -> None:
    async def scenario() -> int:
        async with connected(BoundedHttp) as (reader, writer):
            answered = 0
            for _ in range(5):
                head = b"x: " + b"y" * (LONGEST_HEAD_BYTES // 3) + b"\r\n"
                writer.write(b"POST / HTTP/1.1\r\ncontent-length: 2\r\n" + head + b"\r\n{}")
                answered += b"200 OK" in await reader.readuntil(b"hello")
            return answered

    assert asyncio.run(scenario()) == 5


def test_a_head_that_never_ends_is_waited_for_no_longer() -> None:
    async def scenario(first_bytes: bytes) -> bytes:
        async with connected(Impatient) as (reader, writer):
            writer.write(first_bytes)
            return await reader.read()

    assert asyncio.run(scenario(b"")) == b""
    assert asyncio.run(scenario(b"GET / HTTP/1.1\r\nhost: x\r\n")) == b""


def test_a_connection_ends_where_neither_the_body_nor_another_request_arrives() -> None:
    async def scenario(more: bytes) -> bytes:
        async with connected(Impatient) as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\n")
            await reader.readuntil(b"hello")
            writer.write(more)
            return await reader.read()

    for more in (b"", b"{}", b"{}{}", b"{}{}\r\n\r\n"):
        assert asyncio.run(scenario(more)) == b""


def test_a_body_may_arrive_after_its_response() -> None:
    async def scenario() -> bytes:
        async with connected(BoundedHttp) as (reader, writer):
            writer.write(b"POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\n{}")
            first = await reader.readuntil(b"hello")
            writer.write(b"{}GET / HTTP/1.1\r\n\r\n")
            return first + await reader.readuntil(b"hello")

    assert asyncio.run(scenario()).count(b"200 OK") == 2


def test_a_lost_connection_is_no_error_of_a_request_that_others_came_behind() -> None:
    """The server tells only the newest of them."""
    written: list[str] = []

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/first":
            await until(lambda: lost)
        await PlainTextResponse("hello")(scope, receive, send)
        written.append(scope["path"])

    lost: list[bool] = []

    class Losing(BoundedHttp):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.append(True)

    async def scenario() -> None:
        async with connected(Losing, respond) as (reader, writer):
            paths = (b"first", b"second", b"third")
            writer.write(b"".join(b"GET /%s HTTP/1.1\r\n\r\n" % path for path in paths))
            await reader.readuntil(b"hello")
            writer.transport.abort()
            await until(lambda: len(written) == 2)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
    assert written == ["/first", "/second"]


class RecordingTransport:
    def __init__(self) -> None:
        self.calls: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def close(self) -> None:
        self.calls.append(b"closed")


def test_a_head_is_written_with_the_beginning_of_its_body_or_alone_in_the_next_turn() -> None:
    async def written(respond: Callable[[JoinedWrites], None]) -> list[bytes]:
        transport = RecordingTransport()
        writes = JoinedWrites(cast("asyncio.Transport", transport), loop=asyncio.get_running_loop())
        respond(writes)
        await asyncio.sleep(0)
        return transport.calls

    def whole(writes: JoinedWrites) -> None:
        for part in (b"head ", b"body", b"more"):
            writes.write(part)

    def head_alone(writes: JoinedWrites) -> None:
        writes.write(b"head")

    def closed(writes: JoinedWrites) -> None:
        head_alone(writes)
        writes.close()

    def dropped(writes: JoinedWrites) -> None:
        head_alone(writes)
        writes.drop()
        writes.write_whole(b"response")

    def two(writes: JoinedWrites) -> None:
        whole(writes)
        writes.expect_head()
        whole(writes)

    assert asyncio.run(written(whole)) == [b"head body", b"more"]
    assert asyncio.run(written(head_alone)) == [b"head"]
    assert asyncio.run(written(closed)) == [b"head", b"closed"]
    assert asyncio.run(written(dropped)) == []
    assert asyncio.run(written(two)) == [b"head body", b"more"] * 2
