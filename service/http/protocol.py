from asyncio import TimerHandle, Transport
from typing import ClassVar, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.http.joined_writes import JoinedWrites
from service.settings import LONGEST_HEAD_BYTES

_TOO_LONG: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class BoundedHttp(HttpToolsProtocol):
    """HTTP/1.1 with a deadline and a size limit for request line and headers.

    The server's own parser waits for both for ever, and for the rest of a body after its response,
    as long as single bytes arrive. Longer headers than the service reads, but shorter than this,
    are refused there, in the dialect of the path.
    """

    head_timeout_s: ClassVar[float] = 15.0
    body_rest_timeout_s: ClassVar[float] = 5.0

    _head_bytes = 0
    _in_head = True
    _head_deadline_s: float | None = None
    _head_timer: TimerHandle | None = None
    _body_rest_timer: TimerHandle | None = None
    _writes: JoinedWrites

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        self._writes = JoinedWrites(transport, loop=self.loop)
        super().connection_made(cast("Transport", self._writes))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for a request, and write nothing more."""
        self._writes.drop()
        self._end_head()
        if self._head_timer is not None:
            self._head_timer.cancel()
        self._end_body_rest()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse more data; close the connection if the headers are too long."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > LONGEST_HEAD_BYTES:
            self.transport.write(_TOO_LONG)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        if self._head_deadline_s is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """Stop the deadline of the headers; `Limits` bounds the body."""
        self._end_head()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request and wait for the next one."""
        super().on_message_complete()
        self._end_body_rest()
        self._in_head, self._head_bytes = True, 0
        if self.cycle.response_complete:
            self._await_head()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, or for the rest of the answered one's body."""
        self._writes.expect_head()
        super().on_response_complete()
        if self.transport.is_closing() or not self.cycle.response_complete:
            return  # a request that was sent before the response is served now
        if not self._in_head:
            self._body_rest_timer = self.loop.call_later(self.body_rest_timeout_s, self._give_up)
        elif self._head_deadline_s is None:
            self._await_head()

    def _await_head(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self._head_deadline_s = self.loop.time() + self.head_timeout_s
        if self._head_timer is None:
            self._head_timer = self.loop.call_at(self._head_deadline_s, self._check_head)

    def _end_head(self) -> None:
        self._in_head = False
        self._head_deadline_s = None

    def _check_head(self) -> None:
        """Give up a head that is late. One timer serves the requests of several seconds."""
        self._head_timer = None
        if self._head_deadline_s is None:
            return
        if self._head_deadline_s <= self.loop.time():
            self._give_up()
        else:
            self._head_timer = self.loop.call_at(self._head_deadline_s, self._check_head)

    def _end_body_rest(self) -> None:
        if self._body_rest_timer is not None:
            self._body_rest_timer.cancel()
            self._body_rest_timer = None

    def _give_up(self) -> None:
        self._body_rest_timer = None
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()
