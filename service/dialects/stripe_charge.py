"""Charge a tenant immediately (seeds 000 and 001)."""

from typing import Final, Protocol, cast
from uuid import UUID, uuid4

import structlog
from starlette.requests import Request
from starlette.responses import Response

from domain.core import ids
from domain.core.providers import Mode
from domain.invoices.commands import RequestInvoice
from domain.invoices.view import InvoiceView
from projections.access.queries import ConnectionRow
from projections.engine.errors import ReadModelUnavailable
from service.auth.authenticate import authenticate
from service.dialects import browser_charge_render, server_charge_render
from service.dialects.context import DialectsContext, context_of
from service.dialects.schemas import StripeInvoiceBody
from service.dialects.stripe_charge_render import payment_intent
from service.http.caller import Caller
from service.http.envelope import Json, Rendered
from service.http.errors import ApiError, FieldError, Forbidden, Problem
from service.http.requests import idempotency_key, path_uuid, read_json, wait_s
from service.http.responses import answer, error_response
from service.http.validation import validate
from service.invoices.connection_choice import choose_connection
from service.recording.record import RecordedInvoice, record_invoice_request, request_hash
from service.recording.response_headers import invoice_headers

_log = structlog.get_logger("billhook.service")
_NEVER_BY_TOKEN: Final = ("test", "connection", "metadata")


class _Dialect(Protocol):
    """Seed 000 or 001."""

    DIALECT: str

    def failure_problem(self, view: InvoiceView) -> Problem | None: ...
    def render_outcome(self, payment_intent: Json) -> Rendered: ...
    def render_pending(self) -> Rendered: ...


async def create_stripe_invoice(request: Request) -> Response:
    """Charge a tenant immediately (seed 000), by a key of its app or by its own token."""
    caller = await authenticate(request, tokens=True)
    return await _create(request, caller, cast("_Dialect", browser_charge_render))


async def create_tenant_stripe_invoice(request: Request) -> Response:
    """Charge a tenant immediately (seed 001)."""
    caller = await authenticate(request)
    return await _create(request, caller, cast("_Dialect", server_charge_render))


async def _create(request: Request, caller: Caller, dialect: _Dialect) -> Response:
    context = context_of(request)
    settings = context.settings
    tenant_id = path_uuid(request, "tenantId")
    key = idempotency_key(request)
    given = await read_json(request, settings)
    _require_plain(caller, given)
    body = validate(StripeInvoiceBody, given, context={"tenant_id": tenant_id})
    _require_reach(caller, body)
    await context.known_tenants.require(caller.app.app_id, tenant_id)
    connection = await choose_connection(
        context.access, caller.app, "stripe", name=None, test=body.test
    )
    command = _to_command(
        body,
        caller,
        connection,
        invoice_id=invoice_id_of(caller, key),
        tenant_id=tenant_id,
        dialect=dialect.DIALECT,
        hashed=request_hash(request, given),
    )
    seconds = wait_s(request, default_s=settings.wait_charged_s, most_s=settings.wait_max_s)
    recorded = await record_invoice_request(context.recording, command, wait_s=seconds)
    return await _present(request, recorded, dialect)


def invoice_id_of(caller: Caller, key: str | None) -> UUID:
    """Return the invoice's id; a token's idempotency keys are apart from the app's."""
    return uuid4() if key is None else ids.for_post(caller.app.app_id, caller.tenant_id, key)


def _require_plain(caller: Caller, given: object) -> None:
    """Reject fields that no token may send. Raises Forbidden with all errors."""
    if not caller.is_token or not isinstance(given, dict):
        return
    sent = [field for field in _NEVER_BY_TOKEN if field in given]
    if sent:
        message = "can't be sent with a token"
        raise Forbidden(*(FieldError(message=f"{field}: {message}", path=field) for field in sent))


def _require_reach(caller: Caller, body: StripeInvoiceBody) -> None:
    """Reject values that a token may not send. Raises Forbidden with all errors."""
    if not caller.is_token:
        return
    settings = caller.app.settings
    faults = {
        "userId": body.user_id not in (None, caller.user_id) and "must be the token's own",
        "price": body.price not in settings.client_prices and "is not on the app's client list",
        "taxRate": body.tax_rate not in settings.client_tax_rates
        and "is not on the app's client list",
    }
    found = [
        FieldError(message=f"{path}: {text}", path=path) for path, text in faults.items() if text
    ]
    if found:
        raise Forbidden(*found)


def _to_command(
    body: StripeInvoiceBody,
    caller: Caller,
    connection: ConnectionRow,
    *,
    invoice_id: UUID,
    tenant_id: UUID,
    dialect: str,
    hashed: str,
) -> RequestInvoice:
    """Build the command."""
    return RequestInvoice(
        invoice_id=invoice_id,
        app_id=caller.app.app_id,
        tenant_id=tenant_id,
        provider="stripe",
        connection=connection.name,
        connection_id=connection.connection_id,
        mode=cast("Mode", connection.mode),
        dialect=dialect,
        type=body.mode,
        lines=body.lines(),
        tax_rate_id=body.tax_rate,
        user_id=body.user_id or caller.user_id,
        footer=body.footer or caller.app.settings.invoice_defaults.get("footer"),
        description=caller.app.settings.invoice_defaults.get("description"),
        off_session=not caller.is_token,
        charge_immediately=True,
        request_hash=hashed,
        actor=caller.actor,
    )


async def _present(request: Request, recorded: RecordedInvoice, dialect: _Dialect) -> Response:
    """Return the payment, its error, or (202) the request while it is pending."""
    context, view, headers = context_of(request), recorded.result.view, invoice_headers(recorded)
    if recorded.pending:
        return answer(dialect.render_pending(), headers)
    problem = dialect.failure_problem(view)
    if problem is not None:
        return error_response(problem, request.scope, headers)
    intent = payment_intent(view, await context.recording.streams.json_body(view.body))
    if intent["id"] is not None:
        intent |= {"client_secret": await _client_secret(context, view, str(intent["id"]))}
    return answer(dialect.render_outcome(intent), headers)


async def _client_secret(
    context: DialectsContext, view: InvoiceView, payment_id: str
) -> str | None:
    """Fetch the client secret that a browser confirms a payment with; it is not stored.

    The payment is known already: where the secret can't be had, telling of the payment matters
    more, or a caller without an idempotency key would ask for a second one.
    """
    args = {"connection": view.connection, "payment_id": payment_id}
    try:
        found = await context.provider_lookups.request(view.app_id, "client_secret", args)
    except (ApiError, ReadModelUnavailable) as error:
        _log.warning("client_secret.not_fetched", error=type(error).__name__)
        return None
    secret: str | None = found.get("client_secret")
    return secret
