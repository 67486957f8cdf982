"""Access tokens: JSON web tokens that open one tenant of one app."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, cast
from uuid import UUID

import jwt
import orjson
import structlog
from jwt.exceptions import PyJWTError
from starlette.requests import Request

from domain.apps.app import AppSettings, token_secret_context
from eventlog.errors import VaultError
from projections.access.queries import AppRow
from service.auth.context import AuthContext, context_of
from service.http.caller import TOKEN, Caller
from service.http.errors import Unauthorized
from service.http.validation import is_safe

_log = structlog.get_logger("billhook.service")

Claims = dict[str, Any]
Verifying = bytes | jwt.PyJWK

LONGEST_LIFE_S: Final = 24 * 3600
_BEARER: Final = re.compile(
    r"bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)", re.IGNORECASE
)
_MOST_AUDIENCES: Final = 5
_LONGEST_NAME: Final = 255
_NOBODY: Final = b"nobody's secret, of the length that a secret has"
_REQUIRED: Final = ["exp", "iss", "aud"]


def bearer_token(request: Request) -> str | None:
    """Return the token of `Authorization`, or of `Authentication` (seed 000's callers)."""
    for header in ("authorization", "authentication"):
        if found := _BEARER.fullmatch(request.headers.get(header, "").strip()):
            return found[1]
    return None


async def caller_of_token(
    request: Request, token: str, *, app_id: UUID | None, client_id: UUID | None
) -> Caller:
    """Find the app and tenant of a token and verify it. Every failure raises the same Unauthorized.

    The app is found by the token's claims, never by the path: a path would be looked up also for
    callers that have no access to the app. `client_id` (X-Client-Id) decides only among apps
    whose own keys verified the token: anybody may register a public key of somebody else.
    """
    context = context_of(request)
    header, unverified = _read(token)
    candidates = [
        app
        for app in await _apps(context, unverified)
        if app_id in (None, app.app_id) and _is_for_app(app, unverified)
    ]
    if not candidates:
        _verified(token, [_NOBODY], "HS256", settings=AppSettings())  # takes as long as a check
    found = [
        (app, claims)
        for app in candidates
        if (claims := _claims(context, app, token, header)) is not None
    ]
    if len(found) > 1:  # apps with the same keys, issuer and audience
        found = [(app, claims) for app, claims in found if app.app_id == client_id]
    if len(found) != 1:
        raise Unauthorized
    ((app, claims),) = found
    return _caller(app, claims)


def _read(token: str) -> tuple[Claims, Claims]:
    """Parse a token without verification, only to find the keys that verify it."""
    try:
        read = jwt.decode_complete(token, options={"verify_signature": False})
    except (PyJWTError, ValueError, RecursionError):
        raise Unauthorized from None
    return cast("Claims", read["header"]), cast("Claims", read["payload"])


async def _apps(context: AuthContext, unverified: Claims) -> Sequence[AppRow]:
    issuer, audience = unverified.get("iss"), unverified.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if not _is_name(issuer) or not all(map(_is_name, audiences)):
        raise Unauthorized
    found: dict[UUID, AppRow] = {}
    for one in audiences[:_MOST_AUDIENCES]:
        for app in await context.access.apps_of_tokens(str(issuer), str(one)):
            found[app.app_id] = app
    return list(found.values())


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and is_safe(value)


def _is_for_app(app: AppRow, unverified: Claims) -> bool:
    """Return whether the claim that names the app, if the app has one, names this one."""
    claim = app.settings.token_claims["app"]
    return claim is None or unverified.get(claim) in (str(app.app_id), app.slug)


def _claims(context: AuthContext, app: AppRow, token: str, header: Claims) -> Claims | None:
    """Return the claims of a token signed by one of the app's keys; None if none signed it."""
    algorithm = header.get("alg")
    if "crit" in header or "b64" in header or not isinstance(algorithm, str):
        return None
    keys = list(_keys(context, app, algorithm, header.get("kid")))
    claims = _verified(token, keys, algorithm, settings=app.settings)
    if claims is None or not _ends_soon(claims["exp"], context.now().timestamp()):
        return None
    return claims


def _ends_soon(expires_at_s: object, now_s: float) -> bool:
    """Return whether a token ends in time; the library takes a number in a string, too."""
    return isinstance(expires_at_s, int | float) and expires_at_s <= now_s + LONGEST_LIFE_S


def _keys(context: AuthContext, app: AppRow, algorithm: str, kid: object) -> Iterator[Verifying]:
    """Return the app's keys of one algorithm, so that no key is used with another."""
    if algorithm == "HS256":
        now_s = context.now().timestamp()
        for secret in app.settings.token_secrets:
            if kid in (None, secret["kid"]) and _lasts(secret, now_s):
                yield from _opened(context, app, secret)
        return
    for key in app.settings.token_keys:
        if key["alg"] == algorithm and kid in (None, key["kid"]):
            yield _public_key(orjson.dumps(key))


def _opened(context: AuthContext, app: AppRow, secret: Claims) -> Iterator[bytes]:
    """Decrypt a secret; one whose master key was removed verifies nothing."""
    try:
        yield context.open_secret(secret["sealed"], token_secret_context(app.app_id)).encode()
    except VaultError:
        _log.error("token_secret_unreadable", app=str(app.app_id), kid=secret["kid"])


def _lasts(secret: Claims, now_s: float) -> bool:
    return secret["until"] is None or secret["until"] > now_s


@lru_cache(maxsize=1024)
def _public_key(jwk: bytes) -> jwt.PyJWK:
    return jwt.PyJWK(orjson.loads(jwk))


def _verified(
    token: str, keys: Sequence[Verifying], algorithm: str, *, settings: AppSettings
) -> Claims | None:
    for key in keys:
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=settings.token_issuer or "",
                audience=settings.token_audience or "",
                options={"require": _REQUIRED},
            )
        except (PyJWTError, ValueError, OverflowError, RecursionError):
            continue
        return claims
    return None


def _caller(app: AppRow, claims: Claims) -> Caller:
    claim_names = app.settings.token_claims
    user = claims.get(claim_names["user"] or "")
    if user is not None and not _is_name(user):
        raise Unauthorized
    try:
        tenant_id = UUID(str(claims.get(claim_names["tenant"] or "")))
    except ValueError:
        raise Unauthorized from None
    return Caller(
        app=app, actor=f"token:{user or tenant_id}", kind=TOKEN, tenant_id=tenant_id, user_id=user
    )


def sign_token(
    context: AuthContext,
    app: AppRow,
    *,
    tenant_id: UUID,
    user_id: str | None,
    expires_at: datetime,
) -> str:
    """Sign a token with the app's newest secret."""
    settings, secret = app.settings, app.settings.token_secrets[0]
    claim_names = settings.token_claims
    claims: Claims = {
        "iss": settings.token_issuer,
        "aud": settings.token_audience,
        "iat": int(context.now().timestamp()),
        "exp": int(expires_at.timestamp()),
        claim_names["tenant"] or "": str(tenant_id),
    }
    if user_id is not None:
        claims[claim_names["user"] or ""] = user_id
    if claim_names["app"] is not None:
        claims[claim_names["app"]] = str(app.app_id)
    opened = context.open_secret(secret["sealed"], token_secret_context(app.app_id))
    return jwt.encode(claims, opened, algorithm="HS256", headers={"kid": secret["kid"]})
