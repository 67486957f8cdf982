import asyncio
import secrets
from datetime import timedelta
from typing import Final
from uuid import uuid4

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from domain.apps.app import token_secret_context
from domain.apps.commands import EnableTokens
from projections.access.queries import AppRow
from service.auth.authenticate import authenticate
from service.auth.tokens import LONGEST_LIFE_S, sign_token
from service.http.caller import Caller
from service.http.requests import path_uuid, read_json
from service.http.response_model import one_item
from service.http.responses import document
from service.http.validation import Name, RequestModel, validate
from service.recording.read_your_writes import wait_for_access
from service.tenants.context import TenantsContext, context_of
from service.tenants.response_schemas import AccessToken, AccessTokens

KIND: Final = "accessTokens"
_SECRET_BYTES: Final = 48


class TokenBody(RequestModel):
    """Body of a token: the tenant's user, and the lifetime."""

    user_id: Name | None = None
    expires_in_seconds: int = Field(3600, ge=1, le=LONGEST_LIFE_S)


async def create_access_token(request: Request) -> Response:
    """Sign an access token for one tenant; it is not stored."""
    context = context_of(request)
    caller = await authenticate(request)
    tenant_id = path_uuid(request, "tenantUuid")
    given = await read_json(request, context.settings, default={})
    body = validate(TokenBody, given)
    await context.known_tenants.require(caller.app.app_id, tenant_id)
    app = await _able_to_sign(context, caller)
    expires_at = context.now().replace(microsecond=0) + timedelta(seconds=body.expires_in_seconds)
    token = sign_token(
        context.auth, app, tenant_id=tenant_id, user_id=body.user_id, expires_at=expires_at
    )
    shown = AccessToken(
        token=token,
        token_type="Bearer",  # noqa: S106 - a kind of token
        tenant_uuid=tenant_id,
        user_id=body.user_id,
        expires_at=expires_at,
    )
    return document(one_item(AccessTokens, kind=KIND, item=shown))


async def _able_to_sign(context: TenantsContext, caller: Caller) -> AppRow:
    """Enable the app's tokens, if it signs its first one; return the app."""
    known = caller.app.settings
    if known.token_secrets and known.token_issuer and known.token_audience:
        return caller.app
    app_id = caller.app.app_id
    sealed = context.auth.seal_secret(
        secrets.token_urlsafe(_SECRET_BYTES), token_secret_context(app_id)
    )
    command = EnableTokens(
        app_id=app_id,
        issuer=context.settings.public_url,
        audience=str(app_id),
        secret={"kid": uuid4().hex[:16], "sealed": sealed, "until": None},
        actor=caller.actor,
    )
    await asyncio.to_thread(
        context.recording.billing.enable_tokens, command, occurred_at=context.now()
    )
    await wait_for_access(context.recording, app_id)
    return await context.auth.access.app(app_id) or caller.app
