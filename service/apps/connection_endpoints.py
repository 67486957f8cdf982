import asyncio
from collections.abc import Mapping
from typing import Final, cast
from uuid import UUID, uuid4

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from domain.apps.app import App
from domain.apps.commands import ChangeApp, DeleteConnection, SetConnection
from domain.apps.connection import WEBHOOK_SECRETS, Connection, secret_context, secret_mark
from domain.core import ids
from domain.core.providers import Mode, Provider
from eventlog.errors import VaultError
from projections.access.queries import ConnectionRow
from projections.operations.reconciliation_state import ConnectionState
from service.apps import response_schemas as schemas
from service.apps.context import AppsContext, context_of
from service.apps.provider_keys import CONNECTION_NAME, mode_of
from service.auth.authenticate import authenticate_admin
from service.http.caller import Caller
from service.http.errors import BadRequest, FieldError, NotFound
from service.http.requests import read_json
from service.http.response_model import one_item
from service.http.responses import document
from service.http.validation import RequestModel, Token, Url, validate
from service.recording.read_your_writes import wait_for_access

KIND: Final = "paymentConnections"
_SHARE_DIGITS: Final = 4


class ConnectionBody(RequestModel):
    """Credentials for a provider. Omitted fields keep their values; null removes a redirect URL."""

    provider: Provider
    secret_key: Token | None = None
    webhook_secrets: list[Token] | None = Field(None, max_length=WEBHOOK_SECRETS)
    add_webhook_secrets: list[Token] = Field([], max_length=WEBHOOK_SECRETS)
    drop_webhook_secrets: list[Token] = Field([], max_length=WEBHOOK_SECRETS)
    redirect_url: Url | None = None
    refund_overpayments: bool | None = None
    import_payments: bool | None = None
    default: bool | None = None


async def list_connections(request: Request) -> Response:
    """List an app's connections, without their secrets."""
    context = context_of(request)
    caller = await authenticate_admin(request)
    rows = await context.auth.access_rows.connections(caller.app.app_id)
    defaults = await _defaults(context, caller)
    states = await _states(context, caller)
    items = [await _item(context, row, defaults, states) for row in rows]
    return document(
        schemas.Connections(kind=KIND, total_items=len(items), items_length=len(items), items=items)
    )


async def get_connection(request: Request) -> Response:
    """Return a connection, without its secrets."""
    context = context_of(request)
    caller = await authenticate_admin(request)
    return document(await _shown(context, caller, request.path_params["name"]))


async def put_connection(request: Request) -> Response:
    """Create a connection, or replace its credentials, which are encrypted and never returned."""
    context = context_of(request)
    caller = await authenticate_admin(request)
    name = request.path_params["name"]
    given = await read_json(request, context.settings)
    body = validate(ConnectionBody, given)
    if not CONNECTION_NAME.fullmatch(name):
        raise _refused("name", "must be 1 to 64 letters, digits, dots, hyphens or underscores")
    connection = await asyncio.to_thread(
        context.recording.billing.change_connection,
        caller.app.app_id,
        name,
        lambda known: _command(context, caller, name, body, known),
        new_connection_id=uuid4(),
        occurred_at=context.now(),
    )
    await _set_defaults(context, caller, connection, wanted=body.default)
    headers = await wait_for_access(context.recording, connection.id, caller.app.app_id)
    return document(await _shown(context, caller, name), headers)


async def delete_connection(request: Request) -> Response:
    """Delete a connection; its pending requests are still processed."""
    context = context_of(request)
    caller = await authenticate_admin(request)
    name = request.path_params["name"]
    shown = await _shown(context, caller, name)
    command = DeleteConnection(app_id=caller.app.app_id, name=name, actor=caller.actor)
    connection = await asyncio.to_thread(
        context.recording.billing.delete_connection, command, occurred_at=context.now()
    )
    await _set_defaults(context, caller, connection, wanted=False)
    headers = await wait_for_access(context.recording, connection.id, caller.app.app_id)
    return document(shown, headers)


def _command(
    context: AppsContext, caller: Caller, name: str, body: ConnectionBody, known: Connection | None
) -> SetConnection:
    """Build the command: encrypt given secrets, keep what is omitted. Raises BadRequest."""
    scope = secret_context(caller.app.app_id, name)
    mode = _mode(body, known)
    if known is not None and known.provider != body.provider:
        raise _refused("provider", f"is {known.provider} and stays so; take another name")
    if known is not None and known.mode != mode:
        raise _refused("secretKey", f"is not of {known.mode} mode; take another name")
    sealed_key = "" if known is None else known.sealed_key
    if body.secret_key is not None:
        sealed_key = context.auth.seal_secret(body.secret_key, scope)
    return SetConnection(
        app_id=caller.app.app_id,
        name=name,
        provider=body.provider,
        mode=mode,
        sealed_key=sealed_key,
        sealed_webhook_secrets=_webhook_secrets(context, body, known, scope),
        redirect_url=_redirect_url(body, known),
        refund_overpayments=_refunds_overpayments(body, known),
        import_payments=_imports_payments(body, known),
        actor=caller.actor,
    )


def _refunds_overpayments(body: ConnectionBody, known: Connection | None) -> bool:
    """Return the requested setting, or else the current one."""
    if body.refund_overpayments is None:
        return known is not None and known.refund_overpayments
    return body.refund_overpayments


def _imports_payments(body: ConnectionBody, known: Connection | None) -> bool:
    """Return the requested setting, or else the current one; true for a new connection."""
    if body.import_payments is None:
        return known is None or known.import_payments
    return body.import_payments


def _redirect_url(body: ConnectionBody, known: Connection | None) -> str | None:
    """Return the requested URL, or else the current one; null removes it."""
    if "redirect_url" in body.model_fields_set or known is None:
        return body.redirect_url
    return known.redirect_url


def _webhook_secrets(
    context: AppsContext, body: ConnectionBody, known: Connection | None, scope: str
) -> list[str]:
    """Return the sealed secrets, the newest first: at most WEBHOOK_SECRETS, the oldest go."""
    current = [] if known is None else known.sealed_webhook_secrets
    if body.webhook_secrets is not None:
        current = [context.auth.seal_secret(secret, scope) for secret in body.webhook_secrets]
    added = [context.auth.seal_secret(secret, scope) for secret in body.add_webhook_secrets]
    dropped = body.drop_webhook_secrets
    kept = [one for one in current if not dropped or _mark(context, one, scope) not in dropped]
    return [*added, *kept][:WEBHOOK_SECRETS]


def _mark(context: AppsContext, sealed: str, scope: str) -> str:
    try:
        return secret_mark(context.auth.open_secret(sealed, scope))
    except VaultError:
        return "unreadable"


def _mode(body: ConnectionBody, known: Connection | None) -> Mode:
    """Read the mode from the key, or keep it with the key. Raises BadRequest."""
    if body.secret_key is None:
        if known is None:
            raise _refused("secretKey", "is required for a new connection")
        return cast("Mode", known.mode)
    mode = mode_of(body.provider, body.secret_key)
    if mode is None:
        raise _refused("secretKey", f"is no secret key of {body.provider}")
    return mode


def _refused(path: str, message: str) -> BadRequest:
    return BadRequest(FieldError(message=f"{path}: {message}", path=path))


async def _set_defaults(
    context: AppsContext, caller: Caller, connection: Connection, *, wanted: bool | None
) -> None:
    """Make a connection a default or not; by default, only if the app has none yet."""
    occurred_at, name = context.now(), connection.name
    selectors = [connection.provider, f"{connection.provider}:{connection.mode}"]

    def decide(app: App) -> None:
        known = app.default_connections
        changes: dict[str, str | None]
        if wanted is False:
            changes = {selector: None for selector, default in known.items() if default == name}
        else:
            changes = {selector: name for selector in selectors if wanted or selector not in known}
        app.change(
            ChangeApp(app_id=app.id, default_connections=changes, actor=caller.actor),
            occurred_at=occurred_at,
        )

    await asyncio.to_thread(context.recording.billing.change, App, caller.app.app_id, decide)


async def _shown(context: AppsContext, caller: Caller, name: str) -> schemas.OneConnection:
    if not CONNECTION_NAME.fullmatch(name):
        raise NotFound
    row = await context.auth.access_rows.connection_by_name(caller.app.app_id, name)
    if row is None:
        raise NotFound
    states = await _states(context, caller)
    item = await _item(context, row, await _defaults(context, caller), states)
    return one_item(schemas.OneConnection, kind=KIND, item=item)


async def _defaults(context: AppsContext, caller: Caller) -> Mapping[str, str]:
    app = await context.auth.access_rows.app(caller.app.app_id)
    return {} if app is None else app.default_connections


async def _states(context: AppsContext, caller: Caller) -> Mapping[UUID, ConnectionState]:
    states = await context.connection_states(caller.app.app_id)
    return {state.connection_id: state for state in states}


def _health(state: ConnectionState | None) -> schemas.WebhookHealth | None:
    if state is None:
        return None
    share = state.found_share
    return schemas.WebhookHealth(
        endpoint=state.health,
        problems=list(state.problems),
        checked_at=state.health_checked_at,
        last_delivered_at=state.last_delivered_at,
        found_share=None if share is None else round(share, _SHARE_DIGITS),
    )


async def _item(
    context: AppsContext,
    row: ConnectionRow,
    defaults: Mapping[str, str],
    states: Mapping[UUID, ConnectionState],
) -> schemas.Connection:
    stream = ids.for_connection(row.app_id, row.name)
    settings = await asyncio.to_thread(context.recording.billing.get, Connection, stream)
    scope = secret_context(row.app_id, row.name)
    base_url = context.settings.public_url.rstrip("/")
    return schemas.Connection(
        id=row.connection_id,
        name=row.name,
        provider=row.provider,
        mode=row.mode,
        webhook_url=f"{base_url}/webhooks/{row.provider}/{row.connection_id}",
        webhook_secrets_set=len(row.sealed_webhook_secrets),
        webhook_secret_marks=[
            _mark(context, sealed, scope) for sealed in row.sealed_webhook_secrets
        ],
        redirect_url=row.redirect_url,
        refund_overpayments=settings.refund_overpayments,
        import_payments=settings.import_payments,
        default_for=sorted(selector for selector, name in defaults.items() if name == row.name),
        webhook_health=_health(states.get(row.connection_id)),
    )
