"""Who is calling, found out before the body is read."""

import hmac
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from starlette.requests import Request

from domain.keys import digest
from projections.access_queries import AppRow, KeyRow
from service.access_cache import AccessCache
from service.context import context_of
from service.errors import AppDisabled, Unauthorized, WrongKeyType
from service.incoming import path_uuid

_READING: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Caller:
    """An app, by one of its keys."""

    app: AppRow
    by: str


async def authenticate(request: Request) -> Caller:
    """Find who calls, by an app key or an admin key of the app in the path.

    Raises Unauthorized, WrongKeyType, AppDisabled, AccessUnverified.
    """
    access = context_of(request).access
    app_id = path_uuid(request, "appUuid")
    admin_key = request.headers.get("api-key")
    if admin_key is not None and "x-api-key" not in request.headers:
        key = await _key(access, admin_key, app_id=app_id)
        if key.kind != "admin":
            raise WrongKeyType
    else:
        key = await _app_key(request, access, app_id=app_id)
    app = await access.app(app_id)
    if app is None:
        raise Unauthorized
    if not app.enabled:
        raise AppDisabled
    return Caller(app=app, by=f"key:{key.key_id}")


async def _app_key(request: Request, access: AccessCache, *, app_id: UUID) -> KeyRow:
    client_id = request.headers.get("x-client-id", "").lower().encode()
    if not hmac.compare_digest(client_id, str(app_id).encode()):
        raise Unauthorized
    key = await _key(access, request.headers.get("x-api-key", ""), app_id=app_id)
    needed = "read" if request.method in _READING else "write"
    if not (key.kind == needed == request.headers.get("x-api-key-type")):
        raise WrongKeyType
    return key


async def _key(access: AccessCache, text: str, *, app_id: UUID) -> KeyRow:
    key = await access.key(digest(text))
    if key is None or key.revoked or key.app_id != app_id:
        raise Unauthorized
    return key
