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
)
from service.http.responses import error_response, problem_within
from service.settings import Settings

_SEPARATORS: Final = len(": \r\n")
UNAUTHENTICATED: Final = "unauthenticated"
"""Holder of the database sessions of requests whose caller is not known yet."""


class Limits:
    """Reject requests that are too large or too slow, in the dialect of the path."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._requests = Deadlines(settings.request_timeout_s, expire=_Bounded.expire)
        self._bodies = Deadlines(settings.body_timeout_s, expire=_Bounded.expire_body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if head_bytes(scope) > self._settings.header_limit_bytes:
            await _refuse(TooManyHeaders(), scope, receive, send)
            return
        session_holder.set(UNAUTHENTICATED)
        bounded = _Bounded(scope, receive, send, requests=self._requests, bodies=self._bodies)
        self._requests.start(bounded)
        try:
            await self._app(scope, bounded.receive, bounded.send)
        except asyncio.CancelledError:
            # Otherwise the server cancelled it, which happens only when it stops.
            timed_out = bounded.is_late and bounded.is_own_cancellation()
            if bounded.is_started:
                if timed_out:
                    raise TimeoutError from None
                raise
            await _refuse(TimedOut() if timed_out else ShuttingDown(), scope, receive, send)
        finally:
            bounded.stop()


class _Bounded:
    """A request with a deadline until its response, and one for its body from its first read.

    Ends them as `asyncio.timeout` does, which would have a timer and two contexts of its own for
    each request.
    """

    __slots__ = (
        "_bodies",
        "_body_is_late",
        "_body_is_whole",
        "_cancellations",
        "_is_reading",
        "_receive",
        "_requests",
        "_scope",
        "_send",
        "_task",
        "is_late",
        "is_started",
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        requests: "Deadlines[_Bounded]",
        bodies: "Deadlines[_Bounded]",
    ) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - each request runs in a task
        self._scope, self._receive, self._send = scope, receive, send
        self._requests, self._bodies = requests, bodies
        self._task, self._cancellations = task, task.cancelling()
        self._is_reading: bool | None = None  # None: not yet
        self._body_is_late = self._body_is_whole = False
        self.is_started = self.is_late = False

    async def receive(self) -> Message:
        """Wait for the next part. Raises TooSlow."""
        if self._body_is_whole:
            return await self._receive()
        if self._is_reading is None:
            self._bodies.start(self)
        if self._body_is_late:
            raise TooSlow
        self._is_reading = True
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            if self._body_is_late and self.is_own_cancellation():
                raise TooSlow from None
            raise
        finally:
            self._is_reading = False
        if not message.get("more_body", False):
            self._body_is_whole = True
            self._bodies.stop(self)
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the response; once it is started, it may take longer."""
        if message["type"] == "http.response.start":
            self.is_started = True
            self._requests.stop(self)
            _add_rate_limit_headers(self._scope, message)
        await self._send(message)

    def expire(self) -> None:
        """End the request."""
        self.is_late = True
        self._task.cancel()

    def expire_body(self) -> None:
        """End the read that waits, and let later ones fail."""
        self._body_is_late = True
        if self._is_reading:
            self._task.cancel()

    def is_own_cancellation(self) -> bool:
        """Take back the cancellation by a deadline; return whether there is no other."""
        return self._task.uncancel() <= self._cancellations

    def stop(self) -> None:
        """End the deadlines."""
        self._requests.stop(self)
        self._bodies.stop(self)


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


def head_bytes(scope: Scope) -> int:
    """Return the size of request line and headers, as in HTTP/1.1."""
    size = len(scope["method"]) + len(scope.get("raw_path") or b"") + len(scope["query_string"])
    for name, value in scope["headers"]:
        size += len(name) + len(value) + _SEPARATORS
    return size


def _add_rate_limit_headers(scope: Scope, message: Message) -> None:
    state = scope.get("state")
    rate_limit = state.get("rate_limit") if state else None
    if rate_limit is not None:
        MutableHeaders(scope=message).update(rate_limit.headers)


async def _refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    await error_response(problem_within(scope, error), scope)(scope, receive, send)
