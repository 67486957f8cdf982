"""HTTP entry point: ``Api`` processes every API request in the same steps.

Authentication, fault, idempotency, latency, execution in one transaction, log, response.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox.common.http_protocol import hang_up
from sandbox.common.request_log import Entry, write
from sandbox.common.store import Json
from sandbox.mollie.core import ids
from sandbox.mollie.core.accounts import Account, Fault
from sandbox.mollie.core.errors import MollieError, NotFound, Unprocessable
from sandbox.mollie.core.idempotency import IdempotencyKeys, fingerprint
from sandbox.mollie.core.operations import match
from sandbox.mollie.core.params import parse_body
from sandbox.mollie.server.registry import OPERATIONS
from sandbox.mollie.server.services import Services

FAULT_DETAILS = {
    400: "The request is refused",
    404: "The resource does not exist",
    410: "The resource is no longer available",
    422: "The request cannot be processed",
    403: "You don't have permission to perform this action",
    409: "The resource is being changed by another request",
    429: "You have exceeded the rate limit. Please slow down your requests.",
    500: "Internal server error",
    502: "The service is temporarily unavailable",
    503: "Payment platform for this payment method temporarily not available",
    504: "The service did not answer in time",
}


@dataclass
class Exchange:
    """A request and its response so far."""

    account: Account
    method: str
    path: str
    query: str
    raw: bytes
    key: str | None
    fault: Fault | None = None
    request_id: str = field(default_factory=lambda: ids.fresh("req_"))
    replayed: bool = False
    status: int = 200
    body: Json | None = None

    def fingerprint(self) -> str:
        """Returns the fingerprint of the request."""
        return fingerprint(self.method, self.path, self.raw)


class Api:
    """Mollie's API as an ASGI application; its paths begin with ``/v2``."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._keys = IdempotencyKeys(services.store)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request, or closes the connection if a fault demands it."""
        request = Request(scope, receive)
        raw = await request.body()
        method, path = request.method, request.url.path
        try:
            with self._services.store.transaction():
                account = self._services.accounts.authenticate(request.headers.get("authorization"))
                fault = self._services.accounts.take_fault(account, method, path)
        except MollieError as error:
            await _json(error.body(), error.status, {})(scope, receive, send)
            return
        key = request.headers.get("idempotency-key") if method == "POST" else None
        exchange = Exchange(account, method, path, request.url.query, raw, key, fault)
        if fault and fault.kind == "refuse_before":
            self._log(exchange, status=None)
            await hang_up(scope, receive)
            return
        await self._answer(exchange)
        if fault and fault.kind == "lose_answer":
            await hang_up(scope, receive)
            return
        await _response(exchange)(scope, receive, send)

    async def _answer(self, exchange: Exchange) -> None:
        """Fills in the exchange's status and body."""
        fault = exchange.fault
        try:
            replay = self._start_exchange(exchange)
        except MollieError as error:
            _fail(exchange, error)
            self._log(exchange, status=exchange.status)
            return
        try:
            pause_ms = exchange.account.state.latency_ms
            if fault and fault.kind == "delay" and fault.when == "before":
                pause_ms += fault.ms
            await asyncio.sleep(pause_ms / 1000)
            if not replay:
                self._execute(exchange)
        finally:
            if exchange.key:
                self._keys.end(exchange.account, exchange.key)
        if fault and fault.kind == "delay" and fault.when == "after":
            await asyncio.sleep(fault.ms / 1000)

    def _start_exchange(self, exchange: Exchange) -> bool:
        """Reserves the idempotency key. Returns whether the response is a replay."""
        if exchange.fault and exchange.fault.kind == "status" and not exchange.fault.stored:
            raise _error_of(exchange.fault)
        if not exchange.key:
            return False
        replay = self._keys.start(exchange.account, exchange.key, exchange.fingerprint())
        if replay is None:
            return False
        exchange.status, exchange.body, exchange.replayed = replay.status, replay.body, True
        self._log(exchange, status=replay.status)
        return True

    def _execute(self, exchange: Exchange) -> None:
        account = self._services.accounts.get(exchange.account.id) or exchange.account
        stored = True
        with self._services.store.transaction():
            self._services.agenda.catch_up(account)
            try:
                with self._services.store.savepoint(keeps=lambda _: False):
                    self._run(exchange, account)
            except MollieError as error:
                _fail(exchange, error)
                stored = error.stored
            if exchange.key and stored and exchange.body is not None:
                self._keys.save(
                    account,
                    exchange.key,
                    exchange.fingerprint(),
                    status=exchange.status,
                    body=exchange.body,
                )
            self._write(exchange, exchange.status)
        self._record(exchange)
        self._services.wake()

    def _run(self, exchange: Exchange, account: Account) -> None:
        if exchange.fault and exchange.fault.kind == "status":
            raise _error_of(exchange.fault)
        found = match(OPERATIONS, exchange.method, exchange.path)
        if found is None:
            raise NotFound("The requested resource does not exist")
        operation, path = found
        query = dict(parse_qsl(exchange.query, keep_blank_values=True))
        if exchange.method != "GET" and query:
            name = next(iter(query))
            raise Unprocessable(
                f'Non-existent query parameter "{name}" for this API call.', field=name
            )
        run = operation.prepare(query if exchange.method == "GET" else parse_body(exchange.raw))
        call = self._services.call(account)
        call.path = path
        exchange.body, exchange.status = run(call), operation.status

    def _log(self, exchange: Exchange, *, status: int | None) -> None:
        with self._services.store.transaction():
            self._write(exchange, status)
        if status is not None:
            self._record(exchange)

    def _write(self, exchange: Exchange, status: int | None) -> None:
        entry = Entry(
            at=exchange.account.now(),
            method=exchange.method,
            path=exchange.path,
            idempotency_key=exchange.key,
            params=_said(exchange),
            status=status,
            replayed=exchange.replayed,
            fault=exchange.fault.kind if exchange.fault else None,
            request_id=exchange.request_id,
        )
        write(self._services.store, exchange.account.id, entry)

    def _record(self, exchange: Exchange) -> None:
        form = (
            exchange.query if exchange.method == "GET" else exchange.raw.decode("utf-8", "replace")
        )
        self._services.recorder.exchange(
            method=exchange.method,
            path=exchange.path,
            form=form,
            status=exchange.status,
            body=exchange.body or {},
        )


def _error_of(fault: Fault) -> MollieError:
    error = MollieError(FAULT_DETAILS[fault.status], status=fault.status)
    error.stored = fault.stored
    return error


def _fail(exchange: Exchange, error: MollieError) -> None:
    exchange.status, exchange.body = error.status, error.body()


def _said(exchange: Exchange) -> Json:
    if exchange.method == "GET":
        return dict(parse_qsl(exchange.query, keep_blank_values=True))
    try:
        return parse_body(exchange.raw)
    except MollieError:
        return {}


def _response(exchange: Exchange) -> Response:
    headers = {"Date": formatdate(exchange.account.now(), usegmt=True)}
    if exchange.replayed:
        headers["Idempotent-Replayed"] = "true"
    return _json(exchange.body, exchange.status, headers)


def _json(body: Json | None, status: int, headers: dict[str, str]) -> Response:
    if body is None:
        return Response(None, status, headers=headers)
    return Response(orjson.dumps(body), status, headers=headers, media_type="application/hal+json")
