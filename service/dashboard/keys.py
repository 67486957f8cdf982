"""Create, rotate and revoke the app's API keys; a new key's text is shown once."""

import asyncio
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from domain.apps.api_keys import NewKey
from domain.apps.commands import RevokeKey
from service.apps.api_key_endpoints import record_new_key, record_rotation
from service.dashboard.context import context_of
from service.dashboard.filters import with_idempotency_key
from service.dashboard.guard import action
from service.dashboard.operations import OVERLAPS, operations_page
from service.dashboard.visitor import Form, Visitor
from service.http.envelope import Json
from service.http.errors import BadRequest, FieldError, NotFound
from service.http.requests import path_uuid
from service.recording.read_your_writes import wait_for_access
from service.recording.record import Recorded


async def _create_key(request: Request, visitor: Visitor, form: Form) -> Response:
    given = {"kind": form.get("kind", "")} | ({"name": form["name"]} if form.get("name") else {})
    keyed = with_idempotency_key(request, form)
    recorded, key = await record_new_key(keyed, visitor.caller, given)
    return await _show_once(request, visitor, recorded, key)


async def _rotate_key(request: Request, visitor: Visitor, form: Form) -> Response:
    overlap = form.get("overlap_s", "")
    if overlap not in map(str, OVERLAPS.values()):
        message = "overlap_s: must be one of the times that the form offers"
        raise BadRequest(FieldError(message=message, path="overlap_s"))
    keyed = with_idempotency_key(request, form)
    given = {"overlapSeconds": int(overlap)}
    recorded, key = await record_rotation(keyed, visitor.caller, given)
    return await _show_once(request, visitor, recorded, key)


async def _show_once(
    request: Request, visitor: Visitor, recorded: Recorded[Json], key: NewKey
) -> Response:
    await wait_for_access(context_of(request).recording, visitor.caller.app.app_id)
    shown = "" if recorded.replayed else key.text
    return await operations_page(request, visitor, new_key=shown)


async def _revoke_key(request: Request, visitor: Visitor, _: Form) -> Response:
    context, app_id = context_of(request), visitor.caller.app.app_id
    key_id = path_uuid(request, "keyUuid")
    if await context.auth.access_rows.key(app_id, key_id) is None:
        raise NotFound
    command = RevokeKey(app_id=app_id, key_id=key_id, actor=visitor.caller.actor)
    await asyncio.to_thread(
        context.recording.billing.revoke_key, command, occurred_at=context.now()
    )
    await wait_for_access(context.recording, app_id)
    return RedirectResponse(
        "/dashboard/operations#keys",
        status_code=HTTPStatus.SEE_OTHER,
        headers={"cache-control": "no-store"},
    )


create_key = action(_create_key)
rotate_key = action(_rotate_key)
revoke_key = action(_revoke_key)
