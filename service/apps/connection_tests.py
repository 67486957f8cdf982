"""Test connections: a worker sends one read with the key to the provider."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from projections.access.queries import ConnectionRow
from service.apps import response_schemas as schemas
from service.apps.context import AppsContext, context_of
from service.apps.provider_keys import CONNECTION_NAME
from service.auth.authenticate import authenticate_admin
from service.http.caller import Caller
from service.http.errors import NotFound, ProviderTimeout, ProviderUnavailable
from service.http.response_model import one_item
from service.http.responses import document

KIND: Final = "connectionTests"
Reason = Literal["refused", "unavailable", "unanswered"]


@dataclass(frozen=True, kw_only=True)
class TriedConnection:
    """Result of a test. `reason` and `message` are None for an accepted key."""

    name: str
    provider: str
    mode: str
    accepted: bool
    reason: Reason | None
    message: str | None
    duration_ms: int | None
    tried_at: datetime


async def post_connection_test(request: Request) -> Response:
    """Test a connection and return the result."""
    context = context_of(request)
    caller = await authenticate_admin(request)
    tried = await try_connection(context, caller, request.path_params["name"])
    item = schemas.ConnectionTest(
        name=tried.name,
        provider=tried.provider,
        mode=tried.mode,
        accepted=tried.accepted,
        reason=tried.reason,
        message=tried.message,
        duration_ms=tried.duration_ms,
        tested_at=tried.tried_at,
    )
    return document(one_item(schemas.ConnectionTests, kind=KIND, item=item))


async def try_connection(context: AppsContext, caller: Caller, name: str) -> TriedConnection:
    """Test one of the caller's connections. Raises NotFound."""
    app_id = caller.app.app_id
    row = (
        await context.auth.access_rows.connection_by_name(app_id, name)
        if CONNECTION_NAME.fullmatch(name)
        else None
    )
    if row is None:
        raise NotFound
    try:
        found = await context.provider_lookups.request(app_id, "credentials", {"connection": name})
    except ProviderTimeout:
        wait_s = context.settings.lookup_timeout_s
        message = (
            f"no answer within {wait_s:g} s: is the provider reachable, and does a worker run?"
        )
        return _tried(row, context.now(), reason="unanswered", message=message)
    except ProviderUnavailable:
        message = "the worker could not send the call now; its log has the reason"
        return _tried(row, context.now(), reason="unavailable", message=message)
    if found["accepted"]:
        return _tried(row, context.now(), duration_ms=found["duration_ms"])
    return _tried(row, context.now(), reason=_reason_of(found["reason"]), message=found["message"])


def _reason_of(code: str) -> Reason:
    """Reduce a worker's code: only an unavailable provider may accept the key later."""
    return "unavailable" if code == "unavailable" else "refused"


def _tried(
    row: ConnectionRow,
    tried_at: datetime,
    *,
    reason: Reason | None = None,
    message: str | None = None,
    duration_ms: int | None = None,
) -> TriedConnection:
    return TriedConnection(
        name=row.name,
        provider=row.provider,
        mode=row.mode,
        accepted=reason is None,
        reason=reason,
        message=message,
        duration_ms=duration_ms,
        tried_at=tried_at,
    )
