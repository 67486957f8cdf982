"""Limits on size and duration of requests; RateLimit headers of responses."""

import asyncio
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eventlog.database.fair_share import session_holder
from service.http.deadlines import Deadlines
from service.http.errors import (
    ApiError,
    BadRequest,
    FieldError,
    ShuttingDown,
    TimedOut,
    TooManyHeaders,
    TooSlow,
    problem_of,
)
from service.http.responses import error_response
from service.settings import Settings

_SEPARATORS: Final = len(": \r\n")
UNAUTHENTICATED: Final = "unauthenticated"
"""Holder of the database sessions of requests whose caller is not known yet."""


class Limits:
    """Reject requests that are too large or too slow, in the dialect of the path."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._requests = Deadlines(settings.request_timeout_s, expire=_expire)
        self._bodies = Deadlines(settings.body_timeout_s, expire=_Body.expire)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _head_bytes(scope) > self._settings.header_limit_bytes:
            await _refuse(TooManyHeaders(), scope, receive, send)
            return
        session_holder.set(UNAUTHENTICATED)
        started = False
        body = _Body(receive, self._bodies)
        try:
            async with asyncio.timeout(None) as timeout:
                self._requests.start(timeout)

                async def pass_on(message: Message) -> None:
                    nonlocal started
                    if message["type"] == "http.response.start":
                        started = True
                        self._requests.stop(timeout)  # a streamed response may take longer
                        _add_rate_limit_headers(scope, message)
                    await send(message)

                await self._app(scope, body.receive, pass_on)
        except TimeoutError:
            if started or not timeout.expired():
                raise
            await _refuse(TimedOut(), scope, receive, send)
        except asyncio.CancelledError:
            # The server cancels requests only when it stops.
            if started:
                raise
            await _refuse(ShuttingDown(), scope, receive, send)
        finally:
            self._requests.stop(timeout)
            body.stop()


def _expire(timeout: asyncio.Timeout) -> None:
    timeout.reschedule(0)


class _Body:
    """A request's body, with a deadline from its first read."""

    def __init__(self, receive: Receive, deadlines: "Deadlines[_Body]") -> None:
        self._receive = receive
        self._deadlines = deadlines
        self._waiting: asyncio.Timeout | None = None
        self._is_started = self._is_late = self._is_whole = False

    async def receive(self) -> Message:
        """Wait for the next part. Raises TooSlow."""
        if self._is_whole:
            return await self._receive()
        if not self._is_started:
            self._is_started = True
            self._deadlines.start(self)
        if self._is_late:
            raise TooSlow
        try:
            async with asyncio.timeout(None) as self._waiting:
                message = await self._receive()
        except TimeoutError:
            if not self._is_late:
                raise
            raise TooSlow from None
        finally:
            self._waiting = None
        if not message.get("more_body", False):
            self._is_whole = True
            self.stop()
        return message

    def expire(self) -> None:
        """End the read that waits, and let later ones fail."""
        self._is_late = True
        if self._waiting is not None:
            _expire(self._waiting)

    def stop(self) -> None:
        """End the deadline."""
        self._deadlines.stop(self)


def require_shape(given: object, *, deepest: int, most_fields: int) -> None:
    """Reject JSON that is nested too deep or has too many values. Raises BadRequest."""
    level = _within(given)
    fields = len(level)
    for _ in range(deepest):
        if not level or fields > most_fields:
            break
        level = [inner for item in level for inner in _within(item)]
        fields += len(level)
    if fields > most_fields:
        raise BadRequest(FieldError(message=f"the body has more than {most_fields} fields"))
    if level:
        raise BadRequest(FieldError(message=f"the body is nested deeper than {deepest} levels"))


def _within(node: object) -> list[object]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def _head_bytes(scope: Scope) -> int:
    """Return the size of request line and headers, as in HTTP/1.1."""
    line = len(scope["method"]) + len(scope.get("raw_path") or b"") + len(scope["query_string"])
    return line + sum(len(name) + len(value) + _SEPARATORS for name, value in scope["headers"])


def _add_rate_limit_headers(scope: Scope, message: Message) -> None:
    rate_limit = scope.get("state", {}).get("rate_limit")
    if rate_limit is not None:
        MutableHeaders(scope=message).update(rate_limit.headers)


async def _refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    await error_response(problem_of(error), scope)(scope, receive, send)
