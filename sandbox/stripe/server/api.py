"""HTTP entry point: ``Api`` processes every API request in the same steps.

Authentication, fault, idempotency, latency, execution in one transaction, log, response.
"""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox.common.http_protocol import hang_up
from sandbox.common.request_log import Entry, write
from sandbox.common.requests import ReceivedRequest, receive_request
from sandbox.common.store import Json
from sandbox.stripe.core import faults, ids
from sandbox.stripe.core.accounts import Account
from sandbox.stripe.core.call import API_VERSION, Call
from sandbox.stripe.core.errors import (
    BadParameters,
    InvalidRequest,
    StripeError,
    keeps_changes,
)
from sandbox.stripe.core.expand import check, expand
from sandbox.stripe.core.idempotency import IdempotencyKeys
from sandbox.stripe.core.limiter import Limiter
from sandbox.stripe.core.operations import Operation, OperationTable
from sandbox.stripe.server.exchange import Exchange, json_response, response_to
from sandbox.stripe.server.registry import OPERATIONS
from sandbox.stripe.server.services import Services

TABLE = OperationTable(OPERATIONS)


class Api:
    """Stripe's API as an ASGI application; its paths begin with ``/v1``."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._keys = IdempotencyKeys(services.store)
        self._limiter = Limiter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request, or closes the connection if a fault demands it."""
        request = await receive_request(scope, receive)
        try:
            exchange = self._received(request)
        except StripeError as error:
            await self._refuse(error)(scope, receive, send)
            return
        fault = exchange.fault
        if fault and fault.kind == "refuse_before":
            self._log(exchange, status=None)
            await hang_up(scope, receive)
            return
        if not exchange.limited:
            await self._answer(exchange)
        if fault and fault.kind == "lose_answer":
            await hang_up(scope, receive)
            return
        await response_to(exchange)(scope, receive, send)

    def _received(self, request: ReceivedRequest) -> Exchange:
        """Returns the request with its account and its fault or exceeded rate limit."""
        is_post = request.method == "POST"
        body = request.body.decode("utf-8", "replace")
        with self._services.store.transaction():
            account = self._services.accounts.authenticate(request.headers.get("authorization"))
            if self._services.agenda.catch_up(account):
                self._services.wake()
            exchange = Exchange(
                account=account,
                method=request.method,
                path=request.path,
                raw=body if is_post else request.query or body,
                version=request.headers.get("stripe-version"),
                key=request.headers.get("idempotency-key") if is_post else None,
                found=TABLE.match(request.method, request.path),
            )
            endpoint = exchange.found[0].name if exchange.found else exchange.path
            rejection = self._limiter.rejection(account, endpoint)
            if rejection is None:
                exchange.fault = faults.take(
                    self._services.accounts, account, exchange.method, exchange.path
                )
        if rejection is not None:
            exchange.limited = True
            self._fail(exchange, rejection)
            self._log(exchange, status=exchange.status)
        return exchange

    def _refuse(self, error: StripeError) -> Response:
        request_id = ids.fresh("req_")
        headers = {"Request-Id": request_id}
        body = error.body(request_id=request_id, livemode=False)
        return json_response(body, status=error.status, headers=headers)

    async def _answer(self, exchange: Exchange) -> None:
        """Fills in the exchange's status and body."""
        fault = exchange.fault
        try:
            replay = self._start_exchange(exchange)
        except StripeError as error:
            self._fail(exchange, error)
            self._log(exchange, status=exchange.status)
            return
        try:
            pause_ms = exchange.account.state.latency_ms
            if fault and fault.kind == "delay" and fault.when == "before":
                pause_ms += fault.ms
            account = exchange.account
            if pause_ms:
                await asyncio.sleep(pause_ms / 1000)
                account = self._services.accounts.get(account.id) or account
            if replay is False:
                self._execute(exchange, account)
        finally:
            if exchange.key:
                self._keys.end(exchange.account, exchange.key)
        if fault and fault.kind == "delay" and fault.when == "after":
            await asyncio.sleep(fault.ms / 1000)

    def _start_exchange(self, exchange: Exchange) -> bool:
        """Reserves the idempotency key. Returns whether the response is a replay."""
        if exchange.fault and faults.precedes(exchange.fault):
            raise faults.error_of(exchange.fault, key=exchange.key)
        if not exchange.key:
            return False
        replay = self._keys.start(exchange.account, exchange.key, exchange.fingerprint)
        if replay is None:
            return False
        exchange.status, exchange.body = replay.status, replay.body
        exchange.original_request, exchange.replayed = replay.request_id, True
        self._log(exchange, status=replay.status)
        return True

    def _execute(self, exchange: Exchange, account: Account) -> None:
        try:
            with self._services.store.transaction():
                self._save(exchange, account, error=self._run_or_fail(exchange, account))
        except StripeError as error:
            # Its changes are rolled back, in less time than by a savepoint in the transaction.
            with self._services.store.transaction():
                self._save(exchange, account, error=error)
        self._record(exchange)
        if exchange.method != "GET":
            self._services.wake()

    def _run_or_fail(self, exchange: Exchange, account: Account) -> StripeError | None:
        """Runs the operation. Returns an error whose changes are kept, raises any other."""
        try:
            exchange.body = self._run(exchange, account)
        except StripeError as error:
            if not keeps_changes(error):
                raise
            return error
        if exchange.fault and exchange.fault.kind == "status":
            # The changes are committed; only the response is replaced by an error.
            return faults.error_of(exchange.fault, key=exchange.key)
        return None

    def _save(self, exchange: Exchange, account: Account, *, error: StripeError | None) -> None:
        """Stores the response under its key and logs the request."""
        if error is not None:
            self._fail(exchange, error)
        if exchange.key and (error is None or error.stored):
            self._keys.save(
                account,
                exchange.key,
                exchange.fingerprint,
                request_id=exchange.request_id,
                status=exchange.status,
                body=exchange.body,
            )
        write(self._services.store, account.id, self._entry(exchange, exchange.status))

    def _run(self, exchange: Exchange, account: Account) -> Json:
        fault = exchange.fault
        if fault and fault.kind == "status" and fault.when == "before":
            raise faults.error_of(fault, key=exchange.key)
        operation, path = self._find(exchange)
        params, run = operation.prepare(exchange.form)
        check(operation.returns, params.expand)
        call = Call(
            store=self._services.store,
            account=account,
            now=account.now(),
            public_url=self._services.public_url(),
            request_id=exchange.request_id,
            idempotency_key=exchange.key,
            path=path,
        )
        answer = run(call)
        return answer if answer.get("deleted") else expand(call, answer, params.expand)

    def _find(self, exchange: Exchange) -> tuple[Operation, dict[str, str]]:
        if exchange.version not in (None, API_VERSION):
            raise BadParameters(
                f"Invalid Stripe API version: {exchange.version}. This sandbox speaks"
                f" {API_VERSION} only."
            )
        if exchange.found is None:
            error = InvalidRequest(
                f"Unrecognized request URL ({exchange.method}: {exchange.path}). Please see"
                " https://stripe.com/docs or we can help at https://support.stripe.com/.",
                status=404,
            )
            error.stored = False
            raise error
        return exchange.found

    def _fail(self, exchange: Exchange, error: StripeError) -> None:
        exchange.status, exchange.headers = error.status, error.headers
        exchange.body = error.body(
            request_id=exchange.request_id, livemode=exchange.account.livemode
        )

    def _log(self, exchange: Exchange, *, status: int | None) -> None:
        with self._services.store.transaction():
            write(self._services.store, exchange.account.id, self._entry(exchange, status))
        if status is not None:
            self._record(exchange)

    def _entry(self, exchange: Exchange, status: int | None) -> Entry:
        return Entry(
            at=exchange.account.now(),
            method=exchange.method,
            path=exchange.path,
            idempotency_key=exchange.key,
            params=exchange.form,
            status=status,
            replayed=exchange.replayed,
            fault=exchange.met(),
            request_id=exchange.request_id,
        )

    def _record(self, exchange: Exchange) -> None:
        self._services.recorder.exchange(
            method=exchange.method,
            path=exchange.path,
            form=exchange.raw,
            status=exchange.status,
            body=exchange.body,
        )
