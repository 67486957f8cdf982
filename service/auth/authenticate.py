"""Authenticate callers, before their bodies are read."""

import hmac
from typing import Final
from uuid import UUID

from starlette.requests import Request

from domain.apps.api_keys import digest
from eventlog.database.fair_share import session_holder
from projections.access.queries import AppRow, KeyRow
from service.auth.context import AuthContext, context_of
from service.auth.tokens import bearer_token, caller_of_token
from service.http.caller import ADMIN, Caller
from service.http.errors import AppDisabled, NotFound, Unauthorized, WrongKeyType
from service.http.requests import path_uuid

__all__ = ["Caller", "authenticate", "authenticate_admin", "authenticate_lone_key"]

_READING: Final = frozenset({"GET", "HEAD"})
_TENANT_PARAMETERS: Final = ("tenantUuid", "tenantId")


async def authenticate(request: Request, *, tokens: bool = False) -> Caller:
    """Return the caller of an app key, an admin key of the path's app, or a token.

    The app is the path's, or X-CLIENT-ID's if the path has none. An endpoint with `tokens` must
    call `caller.require_tenant` for objects that its path does not tie to a tenant.
    Raises Unauthorized, WrongKeyType, AppDisabled, NotFound, RateLimited, AccessUnverified.
    """
    context = context_of(request)
    named = path_uuid(request, "appUuid") if "appUuid" in request.path_params else None
    if "x-api-key" in request.headers:
        return await _by_app_key(request, context, app_id=named or _client_id(request))
    if "api-key" in request.headers and named is not None:
        return await _by_admin_key(request, context, app_id=named)
    token = bearer_token(request)
    if token is None or not tokens:
        raise Unauthorized
    caller = await _by_token(request, context, token, app_id=named)
    caller = _admitted(request, context, caller, counted_as=f"token:{caller.tenant_id}")
    for name in _TENANT_PARAMETERS:
        if name in request.path_params:
            caller.require_tenant(path_uuid(request, name))
    return caller


async def authenticate_admin(request: Request, *, even_disabled: bool = False) -> Caller:
    """Return the caller of an admin key (seed 003), which must be of the path's app, if any.

    `even_disabled`: an app that is disabled may do this, too.
    Raises Unauthorized, WrongKeyType, AppDisabled, RateLimited, AccessUnverified.
    """
    context = context_of(request)
    named = path_uuid(request, "appUuid") if "appUuid" in request.path_params else None
    if "api-key" in request.headers:
        return await _by_admin_key(request, context, app_id=named, even_disabled=even_disabled)
    if named is not None and "x-api-key" in request.headers:
        await _by_app_key(request, context, app_id=named)
        raise WrongKeyType
    raise Unauthorized


async def authenticate_lone_key(request: Request, name: str) -> Caller:
    """Return the caller of a lone write key (seed 004); `name` is the slug of the key's app.

    Raises Unauthorized, WrongKeyType, AppDisabled, NotFound, RateLimited, AccessUnverified.
    """
    context = context_of(request)
    key = await _key(request, context, "x-api-key", app_id=None)
    if key.kind != "write":
        raise WrongKeyType
    caller = await _by_key(request, context, key)
    if not hmac.compare_digest(caller.app.slug.encode(), name.encode(errors="replace")):
        raise NotFound
    return caller


async def _by_app_key(request: Request, context: AuthContext, *, app_id: UUID | None) -> Caller:
    if app_id is None or _client_id(request) != app_id:
        raise Unauthorized
    key = await _key(request, context, "x-api-key", app_id=app_id)
    needed = "read" if request.method in _READING else "write"
    if not (key.kind == needed == request.headers.get("x-api-key-type")):
        raise WrongKeyType
    return await _by_key(request, context, key)


async def _by_admin_key(
    request: Request, context: AuthContext, *, app_id: UUID | None, even_disabled: bool = False
) -> Caller:
    key = await _key(request, context, "api-key", app_id=app_id)
    if key.kind != ADMIN:
        raise WrongKeyType
    return await _by_key(request, context, key, even_disabled=even_disabled)


async def _key(
    request: Request, context: AuthContext, header: str, *, app_id: UUID | None
) -> KeyRow:
    """Find a header's key. Another app's key raises the same error as an unknown one."""
    sha256 = digest(request.headers.get(header, ""))
    async with context.failures.counting(_peer(request), sha256):
        key = await context.access.key(sha256)
        if key is None or key.revoked or app_id not in (None, key.app_id):
            raise Unauthorized
        if key.expires_at is not None and key.expires_at <= context.now():
            raise Unauthorized
    return key


async def _by_token(
    request: Request, context: AuthContext, token: str, *, app_id: UUID | None
) -> Caller:
    async with context.failures.counting(_peer(request), digest(token)):
        return await caller_of_token(request, token, app_id=app_id, client_id=_client_id(request))


def _peer(request: Request) -> str | None:
    return None if request.client is None else request.client.host


async def _by_key(
    request: Request, context: AuthContext, key: KeyRow, *, even_disabled: bool = False
) -> Caller:
    app: AppRow | None = await context.access.app(key.app_id)
    if app is None:
        raise Unauthorized
    caller = Caller(app=app, actor=f"key:{key.key_id}", kind=key.kind)
    return _admitted(request, context, caller, counted_as=caller.actor, even_disabled=even_disabled)


def _admitted(
    request: Request,
    context: AuthContext,
    caller: Caller,
    *,
    counted_as: str,
    even_disabled: bool = False,
) -> Caller:
    """Count the request for the caller and its app; raise RateLimited, or AppDisabled."""
    request.state.caller = caller
    session_holder.set(caller.app.app_id)
    request.state.rate_limit = context.rates.count(f"{caller.app.app_id}:{counted_as}")
    request.state.rate_limit.require()
    context.app_rates.count(str(caller.app.app_id)).require()
    if not caller.app.enabled and not even_disabled:
        raise AppDisabled
    return caller


def _client_id(request: Request) -> UUID | None:
    try:
        return UUID(request.headers.get("x-client-id", ""))
    except ValueError:
        return None
