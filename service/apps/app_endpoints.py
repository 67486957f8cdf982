"""Show and change an app."""

import asyncio
from functools import lru_cache
from typing import Annotated, Any, Final, Self
from uuid import uuid4
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from starlette.requests import Request
from starlette.responses import Response

from domain.apps.app import App, AppSettings, token_secret_context
from domain.apps.commands import ChangeApp
from service.apps import response_schemas as schemas
from service.apps.context import AppsContext, context_of
from service.auth.authenticate import authenticate_admin
from service.auth.jwks import Jwks
from service.http.caller import Caller
from service.http.errors import BadRequest, FieldError
from service.http.requests import read_json
from service.http.response_model import one_item
from service.http.responses import POSITION, document
from service.http.validation import (
    CONNECTION_SELECTOR,
    ORIGIN,
    SLUG,
    VISIBLE,
    Currency,
    LongText,
    Name,
    RequestModel,
    SchemaKeywords,
    Token,
    invalid,
    validate,
)
from service.recording.read_your_writes import wait_for_access

# Default of fields that were not given; given fields have their types.
_UNSET: Final[Any] = None
_REGISTERED: Final = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti"})
_DAY_S: Final = 24 * 3600

Slug = Annotated[str, StringConstraints(max_length=64, pattern=SLUG)]
DefaultSelector = Annotated[str, StringConstraints(pattern=CONNECTION_SELECTOR)]
# As browsers send it: without path, user and default port, in lower case.
Origin = Annotated[
    str,
    StringConstraints(max_length=255, pattern=ORIGIN),
]
Secret = Annotated[str, StringConstraints(min_length=32, max_length=512, pattern=VISIBLE)]


@lru_cache(maxsize=1)
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _time_zone(name: str) -> str:
    if name not in _time_zones():
        raise invalid("is not an IANA time zone")
    return name


def _unregistered(claim: str) -> str:
    if claim in _REGISTERED:
        raise invalid("is a reserved claim")
    return claim


TimeZone = Annotated[str, AfterValidator(_time_zone)]
Claim = Annotated[Name, AfterValidator(_unregistered)]


def _each_once(values: list[str]) -> list[str]:
    if len(set(values)) < len(values):
        raise invalid("has duplicate entries")
    return values


_ONCE: Final = (AfterValidator(_each_once), SchemaKeywords({"uniqueItems": True}))


class InvoiceDefaults(RequestModel):
    """Defaults of fields that an invoice request omits."""

    description: LongText | None = None
    footer: LongText | None = None
    currency: Currency | None = None


class TokenClaims(RequestModel):
    """Names of the claims with the app (null: none), the tenant and the user."""

    app: Claim | None = None
    tenant: Claim = "tenant"
    user: Claim = "sub"

    @model_validator(mode="after")
    def _different(self) -> Self:
        if len({self.app, self.tenant, self.user}) < len(type(self).model_fields):
            raise invalid("must name three different claims")
        return self


class TokenSettings(RequestModel):
    """Settings of the access tokens that are accepted. The secret is write-only."""

    issuer: Name = _UNSET
    audience: Name = _UNSET
    claims: TokenClaims = _UNSET
    signing_secret: Secret = _UNSET
    signing_secret_overlap_seconds: int = Field(0, ge=0, le=_DAY_S)
    jwks: Jwks = _UNSET


class AppChanges(RequestModel):
    """Body of a PATCH: omitted fields keep their values."""

    name: Name = _UNSET
    slug: Slug = _UNSET
    enabled: bool = _UNSET
    default_connections: Annotated[dict[DefaultSelector, Name | None], Field(max_length=6)] = _UNSET
    allowed_origins: Annotated[list[Origin], Field(max_length=50), *_ONCE] = _UNSET
    invoice_defaults: InvoiceDefaults = _UNSET
    time_zone: TimeZone = _UNSET
    update_customers: bool = _UNSET
    client_prices: Annotated[list[Token], Field(max_length=1000), *_ONCE] = _UNSET
    client_tax_rates: Annotated[list[Token], Field(max_length=1000), *_ONCE] = _UNSET
    tokens: TokenSettings = _UNSET


KIND: Final = "apps"


async def get_app(request: Request) -> Response:
    """Return an app, also while it is disabled: its admin must be able to enable it."""
    context = context_of(request)
    caller = await authenticate_admin(request, even_disabled=True)
    app = await asyncio.to_thread(context.recording.billing.get, App, caller.app.app_id)
    (newest,) = await context.recording.log.stream_async(app.id, newest_first=True, limit=1)
    return document(
        one_item(schemas.Apps, kind=KIND, item=_item(app)), {POSITION: str(newest.position)}
    )


async def patch_app(request: Request) -> Response:
    """Change an app; respond once every process applies the change."""
    context = context_of(request)
    caller = await authenticate_admin(request, even_disabled=True)
    given = await read_json(request, context.settings)
    changes = validate(AppChanges, given)
    await _require_connections(context, caller, changes)
    await _require_unused_issuer(context, caller, changes)
    occurred_at = context.now()

    def decide(app: App) -> None:
        app.change(_command(context, caller, app.settings, changes), occurred_at=occurred_at)

    app = await asyncio.to_thread(context.recording.billing.change, App, caller.app.app_id, decide)
    headers = await wait_for_access(context.recording, app.id)
    return document(one_item(schemas.Apps, kind=KIND, item=_item(app)), headers)


async def _require_connections(context: AppsContext, caller: Caller, changes: AppChanges) -> None:
    """Raise BadRequest if a default is not a connection of its provider and mode."""
    faults = []
    for selector, name in (changes.default_connections or {}).items():
        if name is None:
            continue
        provider, _, mode = selector.partition(":")
        found = await context.auth.access.connection_named(caller.app.app_id, name)
        if found is None or found.provider != provider or mode not in ("", found.mode):
            path = f"defaultConnections.{selector}"
            faults.append(FieldError(message=f"{path}: the app has no such connection", path=path))
    if faults:
        raise BadRequest(*faults)


async def _require_unused_issuer(context: AppsContext, caller: Caller, changes: AppChanges) -> None:
    """Raise BadRequest for an issuer and audience of another app, unless a claim names the app.

    Two such apps could not be told apart by their tokens. The message does not say that there is
    another app.
    """
    tokens, known = changes.tokens, caller.app.settings
    if tokens is None:
        return
    claim = known.token_claims["app"] if tokens.claims is None else tokens.claims.app
    issuer = tokens.issuer or known.token_issuer
    audience = tokens.audience or known.token_audience
    if claim is not None or issuer is None or audience is None:
        return
    holders = await context.auth.access.apps_of_tokens(issuer, audience)
    if any(app.app_id != caller.app.app_id for app in holders):
        path = "tokens.audience"
        message = f"{path}: choose an audience that this issuer uses for this app alone, or set "
        raise BadRequest(FieldError(message=f"{message}tokens.claims.app", path=path))


def _command(
    context: AppsContext, caller: Caller, known: AppSettings, changes: AppChanges
) -> ChangeApp:
    """Build the command; `known` are the app's settings at the time of the change."""
    return ChangeApp(
        app_id=caller.app.app_id,
        name=changes.name,
        enabled=changes.enabled,
        default_connections=changes.default_connections,
        settings=_settings(context, caller, known, changes),
        actor=caller.actor,
    )


def _settings(
    context: AppsContext, caller: Caller, known: AppSettings, changes: AppChanges
) -> dict[str, Any]:
    """Return the settings that change, by their names in the domain."""
    given: dict[str, Any] = {
        "slug": changes.slug,
        "allowed_origins": changes.allowed_origins,
        "time_zone": changes.time_zone,
        "update_customers": changes.update_customers,
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
    context: AppsContext, caller: Caller, known: list[dict[str, Any]], tokens: TokenSettings
) -> list[dict[str, Any]]:
    """Put the new secret first; older ones end after the overlap, or when they were to end."""
    now_s = int(context.now().timestamp())
    ends_s = now_s + tokens.signing_secret_overlap_seconds
    older = [{**secret, "until": min(secret["until"] or ends_s, ends_s)} for secret in known]
    scope = token_secret_context(caller.app.app_id)
    newest = {
        "kid": uuid4().hex[:16],
        "sealed": context.auth.seal_secret(tokens.signing_secret, scope),
        "until": None,
    }
    return [newest, *(secret for secret in older if secret["until"] > now_s)]


def _item(app: App) -> schemas.App:
    known = app.settings
    return schemas.App(
        id=app.id,
        name=app.name,
        slug=app.slug,
        enabled=app.enabled,
        default_connections=app.default_connections,
        allowed_origins=known.allowed_origins,
        invoice_defaults=schemas.ShownDefaults(
            description=known.invoice_defaults.get("description"),
            footer=known.invoice_defaults.get("footer"),
            currency=known.invoice_defaults.get("currency"),
        ),
        time_zone=known.time_zone,
        update_customers=known.update_customers,
        client_prices=known.client_prices,
        client_tax_rates=known.client_tax_rates,
        tokens=_tokens(known),
        created_at=app.created_on,
        updated_at=app.modified_on,
    )


def _tokens(known: AppSettings) -> schemas.ShownTokens:
    """Build the token settings, without the secrets."""
    claims = known.token_claims
    return schemas.ShownTokens(
        issuer=known.token_issuer,
        audience=known.token_audience,
        claims=schemas.ShownClaims(app=claims["app"], tenant=claims["tenant"], user=claims["user"]),
        signing_secret_set=bool(known.token_secrets),
        jwks=schemas.ShownKeys(keys=known.token_keys),
    )
