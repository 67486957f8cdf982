"""Outermost middleware: request ids, log, metrics, and the handler of unexpected errors."""

import asyncio
import logging
import re
import secrets
import time
from http import HTTPStatus
from typing import Final

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http.errors import TimedOut, problem_of
from service.http.responses import REQUEST_ID, error_response, failure_of, problem_within
from service.operations.metrics import Metrics

_log = structlog.get_logger("billhook.service")
_SANE_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:+/=-]{1,128}")
_REQUEST_ID: Final = b"x-request-id"
_MACHINE_PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_WEBHOOKS: Final = "/webhooks/"
_STARTED: Final = "billhook.started_s"
_SLOW_S: Final = 1.0
_GONE: Final = 499  # as nginx logs a caller that closed the connection


class RequestLog:
    """Assign ids, normalise paths, count and log requests, and return 500 for unexpected errors."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._logs_routine = logs_routine()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["path"] = scope["path"].rstrip("/") or "/"
        exchange = _Sending(scope, send)
        # Not bound for a block: each request has a task, and so variables, of its own.
        structlog.contextvars.bind_contextvars(request_id=exchange.request_id)
        try:
            await self._app(scope, receive, exchange.send)
        except ClientDisconnect:
            exchange.status = _GONE
        except asyncio.CancelledError:
            # The process stops and waits no longer; the server would answer in plain text.
            if not exchange.status:
                await error_response(problem_within(scope, TimedOut()), scope)(
                    scope, receive, exchange.send
                )
        except Exception as error:  # noqa: BLE001 - the edge of the process
            _log.exception("unexpected")
            if not exchange.status:
                await error_response(problem_of(error), scope)(scope, receive, exchange.send)
        finally:
            exchange.finish(self._metrics, logs_routine=self._logs_routine)


class Exchange:
    """A request: its id, and its line in the log and metrics once it is answered."""

    def __init__(self, scope: Scope) -> None:
        given = b""
        for name, value in scope["headers"]:
            if name == _REQUEST_ID:
                given = value
                break
        is_sane = given and _SANE_REQUEST_ID.fullmatch(given)
        scope[REQUEST_ID] = self.request_id = given.decode() if is_sane else secrets.token_hex(16)
        self.status = 0
        self._scope = scope
        # The application goes on with some requests that were begun without it.
        self._started_s: float = scope.setdefault(_STARTED, time.perf_counter())

    def finish(self, metrics: Metrics, *, logs_routine: bool) -> None:
        """Count and log the request, by route: paths contain secret ids of webhooks.

        Frequent successful requests are logged at debug level only.
        """
        seconds = time.perf_counter() - self._started_s
        method, route = self._scope["method"], self._scope.get("route")
        path = getattr(route, "path", "unknown")
        metrics.record_answer(method, path, self.status, seconds=seconds)
        is_routine = _is_routine(path, self.status, seconds=seconds)
        if is_routine and not logs_routine:
            return
        log = _log.debug if is_routine else _log.info
        failure = failure_of(self._scope)
        log(
            "request",
            request_id=self.request_id,
            method=method,
            route=path,
            status=self.status,
            duration_ms=round(seconds * 1000, 1),
            **({} if failure is None else {"failure": failure}),
        )


class _Sending(Exchange):
    """A request whose response the application sends."""

    def __init__(self, scope: Scope, send: Send) -> None:
        super().__init__(scope)
        self._send = send

    async def send(self, message: Message) -> None:
        """Send a message of the application, with the request's id."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], (_REQUEST_ID, self.request_id.encode())]
        await self._send(message)


def logs_routine() -> bool:
    """Return whether frequent successful requests have a line in the log."""
    return bool(_log.is_enabled_for(logging.DEBUG))


def _is_routine(path: str, status: int, *, seconds: float) -> bool:
    """Return whether a successful request of a machine needs no line in the log.

    The event log has each such delivery and request, with its actor.
    """
    if path in _MACHINE_PATHS:
        return status == HTTPStatus.OK
    taken_in = status == HTTPStatus.ACCEPTED or (
        path.startswith(_WEBHOOKS) and status == HTTPStatus.OK
    )
    return taken_in and seconds < _SLOW_S
