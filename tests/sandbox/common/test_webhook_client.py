"""The client of the webhook deliveries: framing of responses, kept connections, errors."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import httpx
import pytest

from sandbox.common.webhook_client import WebhookClient

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CLOSE = object()


class Server:
    """Answers each request with the next of ``responses``; CLOSE closes the connection."""

    def __init__(self, *responses: bytes | object) -> None:
        self.responses = [*responses]
        self.requests: list[bytes] = []
        self.connections = 0
        self.url = ""
        self._handlers: list[asyncio.Task[None] | None] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._handlers.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._respond(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
            self.requests.append(head + await reader.readexactly(int(length)))
            response = self.responses.pop(0)
            if isinstance(response, bytes):
                for part in (response[:20], response[20:]):
                    writer.write(part)
                    await asyncio.sleep(0)
                if self.responses[:1] != [CLOSE]:
                    continue
                self.responses.pop(0)
            return

    async def end(self) -> None:
        await asyncio.gather(*(task for task in self._handlers if task is not None))


@asynccontextmanager
async def serving(server: Server, *, timeout_s: float) -> AsyncIterator[WebhookClient]:
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/hooks?a=b"
    client = WebhookClient(timeout_s=timeout_s)
    try:
        yield client
    finally:
        client.close()
        listener.close()
        await server.end()


def run(
    server: Server, use: Callable[[WebhookClient], Awaitable[None]], *, timeout_s: float = 10
) -> None:
    async def main() -> None:
        async with serving(server, timeout_s=timeout_s) as client:
            await use(client)

    asyncio.run(main())


def test_responses_end_by_length_by_chunks_or_with_their_connection() -> None:
    server = Server(
        OK,
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 201 Created\r\n\r\nall until the end",
        CLOSE,
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        CLOSE,
        OK,
    )

    async def use(client: WebhookClient) -> None:
        async def post() -> int:
            return await client.post(server.url, content=b"{}", headers={"X-Signed": "yes"})

        assert [await post() for _ in range(5)] == [200, 500, 204, 302, 201]
        assert server.connections == 1
        assert [await post() for _ in range(2)] == [200, 200]
        assert server.connections == 3

    run(server, use)
    host = server.url.split("/")[2]
    assert server.requests[0] == (
        f"POST /hooks?a=b HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nConnection: keep-alive\r\n"
        "X-Signed: yes\r\nContent-Length: 2\r\n\r\n{}"
    ).encode("ascii")


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (CLOSE, "disconnected without sending a response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "closed within the response"),
        (b"this is not HTTP at all, whatever it is", "Expected HTTP"),
    ],
)
def test_a_broken_response_is_an_error_and_its_connection_is_not_used_again(
    response: object, error: str
) -> None:
    server = Server(response, CLOSE, OK) if response is not CLOSE else Server(CLOSE, OK)

    async def use(client: WebhookClient) -> None:
        with pytest.raises(httpx.RemoteProtocolError, match=error):
            await client.post(server.url, content=b"", headers={})
        assert await client.post(server.url, content=b"", headers={}) == 200
        assert server.connections == 2

    run(server, use)


def test_a_kept_connection_that_was_closed_is_not_used_before_the_loop_has_seen_its_end() -> None:
    closed = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(OK)
                closed.set()

        async def use() -> None:
            client = WebhookClient(timeout_s=10)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            assert await client.post(url, content=b"", headers={}) == 200
            assert closed.wait(10)  # the loop is blocked meanwhile, as by a long request
            assert await client.post(url, content=b"", headers={}) == 200
            client.close()

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        asyncio.run(use())
        server.join(10)


def test_a_server_that_never_answers_is_a_time_out() -> None:
    server = Server(b"")

    async def use(client: WebhookClient) -> None:
        with pytest.raises(httpx.TimeoutException):
            await client.post(server.url, content=b"", headers={})

    run(server, use, timeout_s=0.05)


def test_a_closed_port_and_a_wrong_address_are_errors() -> None:
    async def use(client: WebhookClient) -> None:
        for url in ("http://127.0.0.1:9/", "http://127.0.0.1:99999/", "http://a..b/"):
            with pytest.raises(httpx.ConnectError):
                await client.post(url, content=b"", headers={})
        for url in ("ftp://127.0.0.1/", "http:///none"):
            with pytest.raises(httpx.UnsupportedProtocol):
                await client.post(url, content=b"", headers={})

    run(Server(), use)
