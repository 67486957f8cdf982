"""Operations: followers and their lag, queues, connections, keys, and the newest changes."""

import asyncio
import secrets
from http import HTTPStatus
from typing import Final
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from domain.apps.api_keys import KEY_BYTES, new_key
from domain.apps.commands import CreateKey, RevokeKey
from domain.core.idempotency import CreateIdempotencyRecord
from service.apps.api_key_endpoints import NewKeyBody
from service.dashboard.context import context_of
from service.dashboard.filters import with_idempotency_key
from service.dashboard.guard import action, page
from service.dashboard.pages import render
from service.dashboard.visitor import Form, Visitor
from service.http.errors import NotFound
from service.http.requests import path_uuid
from service.http.validation import validate
from service.recording.idempotency import record_once
from service.recording.read_your_writes import wait_for_access

_CHANGES: Final = 50


async def _show(request: Request, visitor: Visitor) -> Response:
    return await _page(request, visitor)


async def _page(request: Request, visitor: Visitor, **shown_once: str) -> Response:
    context, app_id = context_of(request), visitor.caller.app.app_id
    values = {
        "followers": await context.readiness.followers(),
        "queues": await context.samples.queue_depths(app_id),
        "connections": await context.auth.access_rows.connections(app_id),
        "breakers": await context.samples.open_breakers(app_id),
        "keys": await context.auth.access_rows.keys(app_id) if visitor.acts else None,
        "changes": await context.samples.newest_changes(app_id, rows=_CHANGES),
        "kinds": ("read", "write", "admin"),
        "action_key": str(uuid4()),
        "new_key": None,
        "now": context.now(),
        **shown_once,
    }
    return render(request, "operations.html", values, visitor=visitor)


async def _create_key(request: Request, visitor: Visitor, form: Form) -> Response:
    """Create a key; its text is shown on this page alone."""
    context, app_id = context_of(request), visitor.caller.app.app_id
    given = {"kind": form.get("kind", "")} | ({"name": form["name"]} if form.get("name") else {})
    body = validate(NewKeyBody, given)
    made = new_key(body.kind, secrets.token_bytes(KEY_BYTES))
    command = CreateKey(
        app_id=app_id,
        key_id=uuid4(),
        kind=body.kind,
        key_sha256=made.sha256,
        prefix=made.prefix,
        name=body.name,
        actor=visitor.caller.actor,
    )

    def write(idempotency_record: CreateIdempotencyRecord | None) -> None:
        context.recording.billing.create_key(
            command, occurred_at=context.now(), idempotency_record=idempotency_record
        )

    keyed = with_idempotency_key(request, form)
    recorded = await record_once(keyed, visitor.caller, given, {"id": str(command.key_id)}, write)
    await wait_for_access(context.recording, app_id)
    return await _page(request, visitor, new_key="" if recorded.replayed else made.text)


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


show_operations = page(_show)
create_key = action(_create_key)
revoke_key = action(_revoke_key)
