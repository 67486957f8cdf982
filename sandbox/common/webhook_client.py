"""HTTP client of the webhook deliveries: one POST at a time on each kept connection.

It parses responses with httptools, as the server parses requests. A delivery by httpx took
several times the processor time of everything else in it (docs/benchmarks.md). Errors are httpx's,
so that records of attempts have the names that its users know.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from base64 import b64encode
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Final, cast

import httptools
import httpx

# An idle connection is kept for less than a server's usual five seconds: it would close it while
# the next delivery is sent.
_KEEP_S: Final = 4.0
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class _Target:
    """An address that connections are shared for, and the constant part of a request's head."""

    scheme: str
    host: str
    port: int
    head: bytes


class WebhookClient:
    """Posts webhooks. Connections are kept and reused; redirects are not followed."""

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._idle: dict[tuple[str, str, int], list[_Connection]] = defaultdict(list)

    async def post(self, url: str, *, content: bytes, headers: Mapping[str, str]) -> int:
        """Returns the response's status. Raises httpx.TransportError or httpx.InvalidURL."""
        target = _target(url)
        connection = self._take(target) or await self._connect(target)
        try:
            status = await connection.post(_head(target, content, headers) + content)
        except BaseException:
            connection.close()
            raise
        self._idle[target.scheme, target.host, target.port].append(connection)
        return status

    def close(self) -> None:
        """Closes the kept connections."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    def _take(self, target: _Target) -> _Connection | None:
        idle = self._idle[target.scheme, target.host, target.port]
        oldest_s = asyncio.get_running_loop().time() - _KEEP_S
        while idle:
            connection = idle.pop()
            if connection.is_free(since_s=oldest_s):
                return connection
            connection.close()
        return None

    async def _connect(self, target: _Target) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self._timeout_s),
                    target.host,
                    target.port,
                    ssl=_tls() if target.scheme == "https" else None,
                )
        except TimeoutError as fault:
            raise httpx.ConnectTimeout("") from fault
        # A host name that cannot be encoded and a port beyond 65535 are no errors of the system.
        except (OSError, UnicodeError, OverflowError) as fault:
            raise httpx.ConnectError(str(fault)) from fault
        return connection


class _Connection(asyncio.Protocol):
    """One connection, with at most one request under way."""

    def __init__(self, timeout_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout_s = timeout_s
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._response: asyncio.Future[int] | None = None
        self._free_since_s = 0.0
        self._has_head = self._has_length = False

    def is_free(self, *, since_s: float) -> bool:
        """Returns whether the connection is open, and was not idle for longer.

        One that has something to read has ended, which a busy loop has not seen yet, or is broken.
        """
        transport = self._transport
        if transport is None or transport.is_closing() or self._free_since_s <= since_s:
            return False
        poll = select.poll()
        poll.register(transport.get_extra_info("socket"), select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Closes the connection."""
        if self._transport is not None:
            self._transport.abort()

    async def post(self, request: bytes) -> int:
        """Sends a request and returns the status of its response, once all of that was read."""
        self._response = self._loop.create_future()
        self._has_head = self._has_length = False
        timer = self._loop.call_later(self._timeout_s, self._time_out)
        try:
            if self._transport is not None:
                self._transport.write(request)
            return await self._response
        finally:
            timer.cancel()
            self._response = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parses more of the response; bytes that no request waits for end the connection."""
        if self._response is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as fault:
            self._fail(httpx.RemoteProtocolError(str(fault)))

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the response: one without a length ends with its connection."""
        if exc is not None:
            self._fail(httpx.ReadError(str(exc)))
        elif self._has_head and not self._has_length:
            self._succeed()
        elif self._has_head:
            self._fail(httpx.RemoteProtocolError("The connection was closed within the response."))
        else:
            self._fail(httpx.RemoteProtocolError("Server disconnected without sending a response."))

    def on_header(self, name: bytes, _: bytes) -> None:
        """Notes whether the response says where it ends."""
        if name.lower() in {b"content-length", b"transfer-encoding"}:
            self._has_length = True

    def on_headers_complete(self) -> None:
        """Notes that the status is known."""
        self._has_head = True

    def on_message_complete(self) -> None:
        """Ends the request, unless the response only announces another one."""
        if self._parser.get_status_code() >= HTTPStatus.OK:
            if not self._parser.should_keep_alive() and self._transport is not None:
                self._transport.close()
            self._succeed()

    def _succeed(self) -> None:
        if self._response is not None and not self._response.done():
            self._free_since_s = self._loop.time()
            self._response.set_result(self._parser.get_status_code())

    def _time_out(self) -> None:
        self._fail(httpx.ReadTimeout(""))

    def _fail(self, fault: httpx.TransportError) -> None:
        if self._response is not None and not self._response.done():
            self._response.set_exception(fault)


@lru_cache(maxsize=256)
def _target(url: str) -> _Target:
    """Parses a URL, and encodes the head that all of its requests have in common."""
    parsed = httpx.URL(url)
    if parsed.scheme not in _DEFAULT_PORTS or not parsed.host:
        raise httpx.UnsupportedProtocol(f"This is no address of http:// or https://: {url}")
    lines = [
        f"POST {parsed.raw_path.decode('ascii')} HTTP/1.1",
        f"Host: {parsed.netloc.decode('ascii')}",
        "Accept: */*",
        "Connection: keep-alive",
    ]
    if parsed.userinfo:
        user = f"{parsed.username}:{parsed.password}".encode()
        lines.append(f"Authorization: Basic {b64encode(user).decode()}")
    return _Target(
        parsed.scheme,
        parsed.raw_host.decode("ascii"),
        parsed.port or _DEFAULT_PORTS[parsed.scheme],
        "\r\n".join(lines).encode("ascii"),
    )


def _head(target: _Target, content: bytes, headers: Mapping[str, str]) -> bytes:
    own = "".join(f"\r\n{name}: {value}" for name, value in headers.items())
    return target.head + f"{own}\r\nContent-Length: {len(content)}\r\n\r\n".encode("ascii")


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()
