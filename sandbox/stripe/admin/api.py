"""Admin API of the simulated Stripe, for tests and demonstrations. JSON, loopback only.

The account is the one of ``?key=sk_test_…`` or of the Authorization header.

    GET    /_admin                                  this text; Mollie's is at /_admin/mollie
    GET    /_admin/health                           {"ok": true}; needs no key
    POST   /_admin/reset                            empties the account
    GET    /_admin/stripe/ledger                    entries, totals, by_customer, by_invoice
    GET    /_admin/stripe/requests                  the logged requests; DELETE clears the log
    GET    /_admin/stripe/clock                     {"now", "offset_s", "frozen"}
    POST   /_admin/stripe/clock                     {"advance_s": n} | {"now": unix}
                                                    | {"frozen": bool}: entries that fall due
                                                    run, each at its own time
    GET    /_admin/stripe/agenda                    the scheduled entries
    POST   /_admin/stripe/agenda/run                {"object": id, "kind": …}: runs them now
    POST   /_admin/stripe/latency                   {"ms": n} before every call
    GET    /_admin/stripe/limits                    the rate limits
    POST   /_admin/stripe/limits                    {"per_s", "endpoint_per_s", "retry_after_s"}:
                                                    omitted limits are removed
    GET    /_admin/stripe/faults                    faults with uses left; DELETE removes them
    POST   /_admin/stripe/faults                    {"match": {"method", "path"}, "kind", "ms",
                                                    "when", "status", "stored", "times", "skip",
                                                    "code", "reason", "retry_after_s"}:
                                                    returns the fault with its id
    GET    /_admin/stripe/webhooks                  the settings
    POST   /_admin/stripe/webhooks                  any of {"delay_ms", "hold", "copies", "order",
                                                    "seed", "drop_types", "corrupt_signature",
                                                    "timestamp_offset_s", "retry_scale"}
    POST   /_admin/stripe/webhooks/release          releases held deliveries in the set order
    POST   /_admin/stripe/webhooks/resend           {"event": "evt_…", "copies": n}
    GET    /_admin/stripe/webhooks/deliveries       each with its state and attempts
    POST   /_admin/stripe/invoices/{id}/confirm     authenticates the payment
    POST   /_admin/stripe/invoices/{id}/fail_authentication
                                                    fails the authentication
    POST   /_admin/stripe/refused_keys              {"keys": […]}: the only keys that are rejected
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox.common import request_log
from sandbox.common.background_sender import release
from sandbox.common.clock import ClockChange, StrictModel
from sandbox.common.store import Json
from sandbox.stripe.admin import billing_actions, customer_actions, dashboard_actions
from sandbox.stripe.admin.request_json import validate as _read
from sandbox.stripe.collection import pay as payment
from sandbox.stripe.core import agenda, agenda_runner, deliveries, ids, ledger
from sandbox.stripe.core.accounts import Account, Fault, Limits, Webhooks
from sandbox.stripe.core.errors import BadParameters, Declined, StripeError
from sandbox.stripe.core.views import view
from sandbox.stripe.server.services import Services

STEPS = (
    *dashboard_actions.ADMIN_ACTIONS,
    *billing_actions.ADMIN_ACTIONS,
    *customer_actions.ADMIN_ACTIONS,
)


class RunNow(StrictModel):
    """The object whose agenda entries to run now, of one kind or all."""

    object: str
    kind: str | None = None


class Latency(StrictModel):
    """Latency added to every call."""

    ms: int = Field(ge=0)


class Resend(StrictModel):
    """The event to send again, and the number of copies."""

    event: str
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
        stripe = "/_admin/stripe"
        steps: list[tuple[str, str, Callable[[Account, Json], Json]]] = [
            ("POST", "/_admin/reset", self._reset),
            ("GET", f"{stripe}/ledger", self._ledger),
            ("GET", f"{stripe}/requests", self._requests),
            ("DELETE", f"{stripe}/requests", self._forget_requests),
            ("GET", f"{stripe}/clock", self._clock),
            ("POST", f"{stripe}/clock", self._set_clock),
            ("GET", f"{stripe}/agenda", self._agenda),
            ("POST", f"{stripe}/agenda/run", self._run_agenda),
            ("POST", f"{stripe}/latency", self._set_latency),
            ("GET", f"{stripe}/limits", self._limits),
            ("POST", f"{stripe}/limits", self._set_limits),
            ("GET", f"{stripe}/faults", self._faults),
            ("POST", f"{stripe}/faults", self._add_fault),
            ("DELETE", f"{stripe}/faults", self._drop_faults),
            ("GET", f"{stripe}/webhooks", self._webhooks),
            ("POST", f"{stripe}/webhooks", self._set_webhooks),
            ("POST", f"{stripe}/webhooks/release", self._release),
            ("POST", f"{stripe}/webhooks/resend", self._resend),
            ("GET", f"{stripe}/webhooks/deliveries", self._deliveries),
            ("POST", f"{stripe}/invoices/{{id}}/confirm", self._confirm),
            ("POST", f"{stripe}/invoices/{{id}}/fail_authentication", self._fail),
            ("POST", f"{stripe}/refused_keys", self._refuse_keys),
        ]
        return [
            Route("/_admin", _help, methods=["GET"]),
            Route("/_admin/health", _health, methods=["GET"]),
            *(Route(path, self._endpoint(step), methods=[method]) for method, path, step in steps),
            *(
                Route(f"{stripe}{path}", self._endpoint(self._acting(step)), methods=["POST"])
                for path, step in STEPS
            ),
        ]

    def _endpoint(self, step: Callable[[Account, Json], Json]) -> Callable[..., object]:
        async def handle(request: Request) -> Response:
            body = await request.body()
            key = request.query_params.get("key")
            header = f"Bearer {key}" if key else request.headers.get("authorization")
            try:
                given = _object(body) | request.path_params
                with self._services.store.transaction():
                    account = self._services.accounts.authenticate(header)
                    self._services.agenda.catch_up(account)
                    answer = step(account, given)
            except StripeError as error:
                return JSONResponse(error.body(request_id="", livemode=False), error.status)
            self._services.wake()
            return JSONResponse(answer)

        return handle

    def _acting(self, step: dashboard_actions.AdminAction) -> Callable[[Account, Json], Json]:
        return lambda account, given: step(self._services.call(account), given)

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

    def _agenda(self, account: Account, _: Json) -> Json:
        entries = agenda.planned(self._services.call(account))
        return {"entries": [asdict(entry) for entry in entries]}

    def _run_agenda(self, account: Account, given: Json) -> Json:
        request, call = _read(RunNow, given), self._services.call(account)
        actions = self._services.agenda.actions
        ran = agenda_runner.run_now(call, actions, object_id=request.object, kind=request.kind)
        return {"ran": [asdict(entry) for entry in ran]}

    def _set_latency(self, account: Account, given: Json) -> Json:
        account.state.latency_ms = _read(Latency, given).ms
        self._services.accounts.save(account)
        return {"ms": account.state.latency_ms}

    def _limits(self, account: Account, _: Json) -> Json:
        return account.state.limits.model_dump()

    def _set_limits(self, account: Account, given: Json) -> Json:
        account.state.limits = _read(Limits, given)
        self._services.accounts.save(account)
        return self._limits(account, {})

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

    def _webhooks(self, account: Account, _: Json) -> Json:
        return account.state.webhooks.model_dump()

    def _set_webhooks(self, account: Account, given: Json) -> Json:
        merged = account.state.webhooks.model_dump() | given
        account.state.webhooks = _read(Webhooks, merged)
        self._services.accounts.save(account)
        return self._webhooks(account, {})

    def _release(self, account: Account, _: Json) -> Json:
        store, settings = self._services.store, account.state.webhooks
        order, seed = settings.order, settings.seed
        return {"released": release(store, "deliveries", account.id, order=order, seed=seed)}

    def _resend(self, account: Account, given: Json) -> Json:
        request = _read(Resend, given)
        call = self._services.call(account)
        event = call.load("event", request.event)
        return {"deliveries": deliveries.resend(call, event, copies=request.copies)}

    def _deliveries(self, account: Account, _: Json) -> Json:
        return {"deliveries": deliveries.shown(self._services.store, account.id)}

    def _confirm(self, account: Account, given: Json) -> Json:
        call = self._services.call(account)
        invoice = call.load("invoice", given["id"])
        try:
            payment.confirm(call, invoice)
        except Declined as rejection:
            return {"invoice": view(call, invoice), "declined": rejection.code}
        return {"invoice": view(call, invoice), "declined": None}

    def _fail(self, account: Account, given: Json) -> Json:
        call = self._services.call(account)
        invoice = call.load("invoice", given["id"])
        payment.fail_authentication(call, invoice)
        return {"invoice": view(call, invoice)}

    def _refuse_keys(self, _: Account, given: Json) -> Json:
        keys = _read(RefusedKeys, given).keys
        self._services.accounts.refuse(keys)
        return {"refused": len(keys)}


def _object(body: bytes) -> Json:
    try:
        given = json.loads(body or b"{}")
    except ValueError as fault:
        raise BadParameters(f"The body is not JSON: {fault}") from fault
    if not isinstance(given, dict):
        raise BadParameters("The body is not a JSON object.")
    return given


async def _help(_: Request) -> Response:
    pages = (__doc__, dashboard_actions.__doc__, billing_actions.__doc__, customer_actions.__doc__)
    return PlainTextResponse("\n".join(page or "" for page in pages))


async def _health(_: Request) -> Response:
    return JSONResponse({"ok": True})
