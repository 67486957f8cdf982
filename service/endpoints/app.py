import asyncio
from typing import Any, Final
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from domain.app import App
from domain.app_settings import AppSettings, token_secret_context
from domain.commands import ChangeApp
from service.access_writes import wait_for_access
from service.answers import POSITION, document
from service.app_changes import AppChanges, TokenSettings
from service.auth import authenticate_admin
from service.caller import Caller
from service.context import Context, context_of
from service.dialects import d002
from service.errors import BadRequest, Fault
from service.incoming import read_json
from service.validation import validated

KIND: Final = "apps"


async def get_app(request: Request) -> Response:
    """Show an app to its admin key; also while it is disabled, or nobody could enable it."""
    context = context_of(request)
    caller = await authenticate_admin(request, even_disabled=True)
    app = await asyncio.to_thread(context.billing.get, App, caller.app.app_id)
    (newest,) = await context.log.stream_async(app.id, newest_first=True, limit=1)
    return document(d002.single(KIND, _item(app)), {POSITION: str(newest.position)})


async def patch_app(request: Request) -> Response:
    """Change what is given of an app; answered once every process can know."""
    context = context_of(request)
    caller = await authenticate_admin(request, even_disabled=True)
    given = await read_json(request, limit_bytes=context.settings.body_limit_bytes)
    changes = validated(AppChanges, given)
    await _require_connections(context, caller, changes)
    at = context.now()

    def decide(app: App) -> None:
        app.change(_command(context, caller, app.settings, changes), at=at)

    app = await asyncio.to_thread(context.billing.change, App, caller.app.app_id, decide)
    headers = await wait_for_access(context, app.id)
    return document(d002.single(KIND, _item(app)), headers)


async def _require_connections(context: Context, caller: Caller, changes: AppChanges) -> None:
    """Raise BadRequest where a default is no connection of its slot's provider and mode."""
    faults = []
    for slot, name in (changes.default_connections or {}).items():
        if name is None:
            continue
        provider, _, mode = slot.partition(":")
        found = await context.access.connection_named(caller.app.app_id, name)
        if found is None or found.provider != provider or mode not in ("", found.mode):
            path = f"defaultConnections.{slot}"
            faults.append(Fault(message=f"{path}: the app has no such connection", path=path))
    if faults:
        raise BadRequest(*faults)


def _command(
    context: Context, caller: Caller, known: AppSettings, changes: AppChanges
) -> ChangeApp:
    """Say what is to change; `known` is what the app has set at the moment of the change."""
    return ChangeApp(
        app_id=caller.app.app_id,
        name=changes.name,
        enabled=changes.enabled,
        default_connections=changes.default_connections,
        settings=_settings(context, caller, known, changes),
        by=caller.by,
    )


def _settings(
    context: Context, caller: Caller, known: AppSettings, changes: AppChanges
) -> dict[str, Any]:
    """Give the settings that change, by their names in the domain."""
    given: dict[str, Any] = {
        "slug": changes.slug,
        "allowed_origins": changes.allowed_origins,
        "time_zone": changes.time_zone,
        "client_prices": changes.client_prices,
        "client_tax_rates": changes.client_tax_rates,
    }
    if changes.invoice_defaults is not None:
        defaults = changes.invoice_defaults.model_dump(exclude_unset=True)
        given["invoice_defaults"] = known.invoice_defaults | defaults
    tokens = changes.tokens
    if tokens is not None:
        given |= {"token_issuer": tokens.issuer, "token_audience": tokens.audience}
        if tokens.claims is not None:
            given["token_claims"] = tokens.claims.model_dump()
        if tokens.signing_secret is not None:
            given["token_secrets"] = _secrets(context, caller, known.token_secrets, tokens)
        if tokens.jwks is not None:
            given["token_keys"] = [key.stored() for key in tokens.jwks.keys]
    return {name: value for name, value in given.items() if value is not None}


def _secrets(
    context: Context, caller: Caller, known: list[dict[str, Any]], tokens: TokenSettings
) -> list[dict[str, Any]]:
    """Put the new secret first; older ones end after the overlap, or when they were to end."""
    now_s = int(context.now().timestamp())
    ends_s = now_s + tokens.signing_secret_overlap_seconds
    older = [{**secret, "until": min(secret["until"] or ends_s, ends_s)} for secret in known]
    scope = token_secret_context(caller.app.app_id)
    newest = {
        "kid": uuid4().hex[:16],
        "sealed": context.seal_secret(tokens.signing_secret, scope),
        "until": None,
    }
    return [newest, *(secret for secret in older if secret["until"] > now_s)]


def _item(app: App) -> d002.Json:
    known = app.settings
    return {
        "id": str(app.id),
        "name": app.name,
        "slug": app.slug,
        "enabled": app.enabled,
        "defaultConnections": app.default_connections,
        "allowedOrigins": known.allowed_origins,
        "invoiceDefaults": {
            name: known.invoice_defaults.get(name) for name in ("description", "footer", "currency")
        },
        "timeZone": known.time_zone,
        "clientPrices": known.client_prices,
        "clientTaxRates": known.client_tax_rates,
        "tokens": _tokens(known),
        "createdAt": d002.moment(app.created_on),
        "updatedAt": d002.moment(app.modified_on),
    }


def _tokens(known: AppSettings) -> d002.Json:
    """Show whose tokens are taken; of secrets, that there are any."""
    return {
        "issuer": known.token_issuer,
        "audience": known.token_audience,
        "claims": known.token_claims,
        "signingSecretSet": bool(known.token_secrets),
        "jwks": {"keys": known.token_keys},
    }
