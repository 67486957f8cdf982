"""Admin API of the simulated Mollie, for tests and demonstrations. JSON, loopback only.

The account is the one of ``?key=test_…`` or of the Authorization header. All under /_admin/mollie:

    GET    /                             this text
    POST   /reset                        empties the account
    GET    /ledger                       entries, totals, by_customer, by_payment, by_subscription
    GET    /requests                     the logged requests; DELETE clears the log
    GET    /clock                        {"now", "offset_s", "frozen"}
    POST   /clock                        {"advance_s": n} | {"now": unix} | {"frozen": bool}:
                                         entries that fall due run, each at its own time
    POST   /latency                      {"ms": n} before every call
    GET    /faults                       faults with uses left; DELETE removes them
    POST   /faults                       {"match": {"method", "path"}, "kind", "ms", "when",
                                         "status", "stored", "times", "skip"}: returns its id
    GET    /settings                     the account's behaviour; POST updates the given fields
    GET    /webhooks                     delivery settings; POST updates the given fields:
                                         {"delay_ms", "hold", "copies", "order", "seed",
                                         "drop_types", "corrupt_signature", "embed", "retry_scale"}
    POST   /webhooks/release             releases held deliveries in the set order
    POST   /webhooks/resend              {"id": "tr_…" | "event_…", "copies": n}
    GET    /webhooks/deliveries          each with its state and attempts
    POST   /webhooks/{id}/rotate         rotates a webhook's secret and returns it
    POST   /payments/{id}/outcome        {"status", "method", "reason"}: as on the checkout page
    POST   /payments/{id}/capture        {"amount", "description"}: from the dashboard
    POST   /payments/{id}/release        releases the rest of an authorization
    POST   /payments/{id}/refund         {"amount", "description"}: from the dashboard
    POST   /payments/{id}/chargeback     {"amount", "code", "description"}: creates a chargeback
    POST   /chargebacks/{id}/reverse     reverses a chargeback
    POST   /refused_keys                 {"keys": […]}: the only keys that are rejected
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox.common import request_log
from sandbox.common.background_sender import release
from sandbox.common.clock import ClockChange, StrictModel
from sandbox.common.store import Json
from sandbox.common.validation_errors import text_of
from sandbox.mollie.admin import money_actions
from sandbox.mollie.core import ids, ledger
from sandbox.mollie.core.accounts import Account, Fault, Settings, Webhooks
from sandbox.mollie.core.errors import BadRequest, MollieError
from sandbox.mollie.server.services import Services
from sandbox.mollie.webhooks import deliveries

HOME = "/_admin/mollie"

M = TypeVar("M", bound=BaseModel)
Step = Callable[[Account, Json], Json]


class Latency(StrictModel):
    """Latency added to every call."""

    ms: int = Field(ge=0)


class Resend(StrictModel):
    """The payment or event to notify again, and the number of copies."""

    id: str
    copies: int = Field(default=1, ge=1, le=100)


class RefusedKeys(StrictModel):
    """API keys that are rejected."""

    keys: list[str]


class Admin:
    """Handlers of the admin API; each acts on one account in one transaction."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """Returns the routes of the admin API."""
        steps: list[tuple[str, str, Step]] = [
            ("POST", "/reset", self._reset),
            ("GET", "/ledger", self._ledger),
            ("GET", "/requests", self._requests),
            ("DELETE", "/requests", self._forget_requests),
            ("GET", "/clock", self._clock),
            ("POST", "/clock", self._set_clock),
            ("POST", "/latency", self._set_latency),
            ("GET", "/faults", self._faults),
            ("POST", "/faults", self._add_fault),
            ("DELETE", "/faults", self._drop_faults),
            ("GET", "/settings", self._settings),
            ("POST", "/settings", self._change_settings),
            ("GET", "/webhooks", self._webhooks),
            ("POST", "/webhooks", self._set_webhooks),
            ("POST", "/webhooks/release", self._release),
            ("POST", "/webhooks/resend", self._resend),
            ("GET", "/webhooks/deliveries", self._deliveries),
            ("POST", "/refused_keys", self._refuse_keys),
        ]
        return [
            Route(HOME, _help, methods=["GET"]),
            *(
                Route(HOME + path, self._endpoint(step), methods=[verb])
                for verb, path, step in steps
            ),
            *(
                Route(HOME + path, self._endpoint(self._with_call(act)), methods=["POST"])
                for path, act in money_actions.ACTS.items()
            ),
        ]

    def _endpoint(self, step: Step) -> Callable[..., object]:
        async def handle(request: Request) -> Response:
            body = await request.body()
            key = request.query_params.get("key")
            header = f"Bearer {key}" if key else request.headers.get("authorization")
            try:
                given = _object(body) | {f"_{k}": v for k, v in request.path_params.items()}
                with self._services.store.transaction():
                    account = self._services.accounts.authenticate(header)
                    self._services.agenda.catch_up(account)
                    answer = step(account, given)
            except MollieError as error:
                return JSONResponse(error.body(), error.status)
            self._services.wake()
            return JSONResponse(answer)

        return handle

    def _with_call(self, act: money_actions.Act) -> Step:
        def step(account: Account, given: Json) -> Json:
            object_id = str(given.pop("_id"))
            return act(self._services.call(account), object_id, given)

        return step

    def _reset(self, account: Account, _: Json) -> Json:
        self._services.accounts.reset(account)
        return {"ok": True}

    def _ledger(self, account: Account, _: Json) -> Json:
        return ledger.read(self._services.store, account.id)

    def _requests(self, account: Account, _: Json) -> Json:
        return {"requests": request_log.read(self._services.store, account.id)}

    def _forget_requests(self, account: Account, _: Json) -> Json:
        request_log.clear(self._services.store, account.id)
        return {"requests": []}

    def _clock(self, account: Account, _: Json) -> Json:
        clock = account.state.clock
        frozen = clock.frozen_at is not None
        return {"now": clock.now(), "offset_s": clock.offset_s, "frozen": frozen}

    def _set_clock(self, account: Account, given: Json) -> Json:
        change, clock = _read(ClockChange, given), account.state.clock
        clock.move(now=change.now, advance_s=change.advance_s or 0, frozen=change.frozen)
        self._services.accounts.save(account)
        self._services.agenda.catch_up(account)
        return self._clock(account, {})

    def _set_latency(self, account: Account, given: Json) -> Json:
        account.state.latency_ms = _read(Latency, given).ms
        self._services.accounts.save(account)
        return {"ms": account.state.latency_ms}

    def _faults(self, account: Account, _: Json) -> Json:
        return {"faults": [fault.model_dump() for fault in account.state.faults]}

    def _add_fault(self, account: Account, given: Json) -> Json:
        fault = _read(Fault, given)
        fault.id = ids.fresh("fault_")
        account.state.faults.append(fault)
        self._services.accounts.save(account)
        return fault.model_dump()

    def _drop_faults(self, account: Account, _: Json) -> Json:
        account.state.faults.clear()
        self._services.accounts.save(account)
        return {"faults": []}

    def _settings(self, account: Account, _: Json) -> Json:
        return account.state.settings.model_dump()

    def _change_settings(self, account: Account, given: Json) -> Json:
        account.state.settings = _read(Settings, account.state.settings.model_dump() | given)
        self._services.accounts.save(account)
        return self._settings(account, {})

    def _webhooks(self, account: Account, _: Json) -> Json:
        return account.state.webhooks.model_dump()

    def _set_webhooks(self, account: Account, given: Json) -> Json:
        account.state.webhooks = _read(Webhooks, account.state.webhooks.model_dump() | given)
        self._services.accounts.save(account)
        return self._webhooks(account, {})

    def _release(self, account: Account, _: Json) -> Json:
        store, settings = self._services.store, account.state.webhooks
        order, seed = settings.order, settings.seed
        return {"released": release(store, "mollie_deliveries", account.id, order=order, seed=seed)}

    def _resend(self, account: Account, given: Json) -> Json:
        request = _read(Resend, given)
        call = self._services.call(account)
        return {"deliveries": deliveries.resend(call, request.id, copies=request.copies)}

    def _deliveries(self, account: Account, _: Json) -> Json:
        return {"deliveries": deliveries.shown(self._services.store, account.id)}

    def _refuse_keys(self, _: Account, given: Json) -> Json:
        keys = _read(RefusedKeys, given).keys
        self._services.accounts.refuse(keys)
        return {"refused": len(keys)}


def _object(body: bytes) -> Json:
    try:
        given = json.loads(body or b"{}")
    except ValueError as fault:
        raise BadRequest(f"The body is not JSON: {fault}") from fault
    if not isinstance(given, dict):
        raise BadRequest("The body is not a JSON object")
    return given


def _read(model: type[M], given: Json) -> M:
    try:
        return model.model_validate(given)
    except ValidationError as fault:
        raise BadRequest(text_of(fault)) from fault


async def _help(_: Request) -> Response:
    return PlainTextResponse(__doc__)
