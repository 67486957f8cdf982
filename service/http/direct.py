"""Serve some requests as soon as they have arrived: without a task, middleware and router."""

import asyncio
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from typing import ClassVar, Final, NamedTuple, Protocol, TypeAlias, cast

from starlette.types import Scope
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service.http.protocol import BoundedHttp

DIRECT_ENDPOINT: Final = "billhook.direct_endpoint"
"""The key of the application's `DirectEndpoint` in the state of its lifespan."""
_STATUS_LINE: Final = b"HTTP/1.1 200 OK\r\n"
_CLOSE: Final = b"connection: close\r\n"

_Held: TypeAlias = tuple[RequestResponseCycle, ASGI3Application]


class DirectRequest(NamedTuple):
    """A request at work. Once it is done, `respond` returns header lines and body of its response.

    The status is 200; for any other, None is returned.
    """

    done: asyncio.Future[list[int]]
    respond: Callable[[], tuple[bytes, bytes] | None]


class DirectEndpoint(Protocol):
    """Serves requests without waiting, or leaves them to the application."""

    def matches(self, scope: Scope) -> bool:
        """Return whether a request with this head may be served."""

    def start(self, scope: Scope, body: bytes) -> DirectRequest | None:
        """Start to serve a request; None, without any effect, where the application serves it."""


class DirectHttp(BoundedHttp):
    """HTTP/1.1 whose frequent requests are served by the application's `DirectEndpoint`.

    A request that its endpoint refuses or fails to serve, or whose body is not here soon, is served
    by the application as any other, which also renders all errors.
    """

    arrival_s: ClassVar[float] = 0.1

    _held: _Held | None = None
    _arrival_timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Find the endpoint."""
        super().connection_made(transport)
        self._endpoint: DirectEndpoint | None = self.app_state.get(DIRECT_ENDPOINT)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the application see that the connection is lost."""
        super().connection_lost(exc)
        self._release()

    def data_received(self, data: bytes) -> None:
        """Parse more data; serve a request that is whole now."""
        super().data_received(data)
        if self._held is None:
            return
        cycle, _ = self._held
        if not cycle.more_body or self.flow.read_paused:
            self._release()
        else:
            self._await_arrival()

    def on_response_complete(self) -> None:
        """Go on with the next request, whose head may be here without all of its body."""
        super().on_response_complete()
        if self._held is not None:
            self._await_arrival()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Hold a request that the endpoint may serve back until its body is here."""
        is_whole_or_asks = not cycle.more_body or cycle.waiting_for_100_continue
        endpoint = None if is_whole_or_asks else self._endpoint
        if endpoint is not None and endpoint.matches(_scope(cycle)):
            self._held = (cycle, app)
        else:
            super()._start_asgi_task(cycle, app)

    def _await_arrival(self) -> None:
        if self._arrival_timer is None:
            self._arrival_timer = self.loop.call_later(self.arrival_s, self._release)

    def _release(self) -> None:
        """Serve the request that is held back."""
        if self._arrival_timer is not None:
            self._arrival_timer.cancel()
            self._arrival_timer = None
        if self._held is None:
            return
        (cycle, app), self._held = self._held, None
        if cycle.more_body or cycle.disconnected or not self._serve(cycle, app):
            super()._start_asgi_task(cycle, app)

    def _serve(self, cycle: RequestResponseCycle, app: ASGI3Application) -> bool:
        """Start to serve a request; return False if the application is to serve it."""
        assert self._endpoint is not None  # noqa: S101 - it matched
        try:
            request = self._endpoint.start(_scope(cycle), bytes(cycle.body))
        except Exception:  # noqa: BLE001 - the application meets and renders the same error
            return False
        if request is None:
            return False

        def end(done: asyncio.Future[list[int]]) -> None:
            self.tasks.discard(done)
            response = request.respond()
            if response is None:
                super(DirectHttp, self)._start_asgi_task(cycle, app)
            elif not cycle.disconnected:
                self._send(cycle, *response)

        # The server waits for its tasks before it stops, and cancels what takes too long.
        self.tasks.add(request.done)  # type: ignore[arg-type] # it does no more with them
        request.done.add_done_callback(end)
        return True

    def _send(self, cycle: RequestResponseCycle, header_lines: bytes, body: bytes) -> None:
        """Write a response and end the request as the server does."""
        cycle.response_started = cycle.response_complete = True
        known = b"".join([b"%s: %s\r\n" % header for header in self.server_state.default_headers])
        close = b"" if cycle.keep_alive else _CLOSE
        self._writes.write_whole(
            b"%s%s%s%s\r\n%s" % (_STATUS_LINE, known, header_lines, close, body)
        )
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()


def _scope(cycle: RequestResponseCycle) -> Scope:
    return cast("Scope", cycle.scope)
