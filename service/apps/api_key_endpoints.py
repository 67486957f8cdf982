import asyncio
import secrets
from datetime import timedelta
from typing import Final, cast
from uuid import UUID, uuid4

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from domain.apps.api_keys import KEY_BYTES, NewKey, new_key
from domain.apps.commands import CreateKey, KeyKind, RevokeKey, RotateKey
from domain.core.errors import Contradiction
from domain.core.idempotency import CreateIdempotencyRecord
from projections.access.queries import KeyDetails
from service.apps.context import AppsContext, context_of
from service.auth.authenticate import authenticate_admin
from service.http import envelope
from service.http.caller import Caller
from service.http.errors import BadRequest, FieldError, NotFound
from service.http.requests import path_uuid, read_json
from service.http.responses import document
from service.http.validation import Name, RequestModel, validate
from service.recording.idempotency import record_once
from service.recording.read_your_writes import wait_for_access
from service.recording.record import Recorded
from service.recording.response_headers import REPLAYED

KIND: Final = "apiKeys"
_DAY_S: Final = 24 * 3600


class NewKeyBody(RequestModel):
    """What key is wanted."""

    kind: KeyKind
    name: Name | None = None


class RotationBody(RequestModel):
    """For how long the old key opens the app beside the new one."""

    overlap_seconds: int = Field(_DAY_S, ge=0, le=30 * _DAY_S)


async def list_keys(request: Request) -> Response:
    """List an app's keys, without what opens it."""
    context = context_of(request)
    caller = await authenticate_admin(request)
    rows = await context.auth.access_rows.keys(caller.app.app_id)
    return document(envelope.whole_list(KIND, [_item(row) for row in rows]))


async def create_key(request: Request) -> Response:
    """Make a key; its text is in this answer alone."""
    context = context_of(request)
    caller = await authenticate_admin(request)
    given = await read_json(request, context.settings)
    body = validate(NewKeyBody, given)
    made = _Made(context, caller, kind=body.kind, name=body.name)

    def write(idempotency_record: CreateIdempotencyRecord | None) -> None:
        context.recording.billing.create_key(
            made.command, occurred_at=made.occurred_at, idempotency_record=idempotency_record
        )

    recorded = await record_once(request, caller, given, _item(made.row), write)
    return await _shown(context, caller, recorded, made.key)


async def rotate_key(request: Request) -> Response:
    """Make a key in the place of one that ends after an overlap."""
    context = context_of(request)
    caller = await authenticate_admin(request)
    given = await read_json(request, context.settings, default={})
    body = validate(RotationBody, given)
    old = await _find(context, caller, path_uuid(request, "keyUuid"))
    made = _Made(context, caller, kind=cast("KeyKind", old.kind), name=old.name)
    ends_at = made.occurred_at + timedelta(seconds=body.overlap_seconds)
    command = RotateKey(
        app_id=caller.app.app_id,
        key_id=old.key_id,
        new_key=made.command,
        expires_at=int(ends_at.timestamp()),
        actor=caller.actor,
    )

    def write(idempotency_record: CreateIdempotencyRecord | None) -> None:
        context.recording.billing.rotate_key(
            command, occurred_at=made.occurred_at, idempotency_record=idempotency_record
        )

    try:
        recorded = await record_once(request, caller, given, _item(made.row), write)
    except Contradiction:
        message = "keyUuid: was revoked, or has been rotated already"
        raise BadRequest(FieldError(message=message, path="keyUuid")) from None
    return await _shown(context, caller, recorded, made.key)


async def revoke_key(request: Request) -> Response:
    """Take a key out of use; answered once it opens nothing new."""
    context = context_of(request)
    caller = await authenticate_admin(request)
    key_id = path_uuid(request, "keyUuid")
    command = RevokeKey(app_id=caller.app.app_id, key_id=key_id, actor=caller.actor)
    await asyncio.to_thread(
        context.recording.billing.revoke_key, command, occurred_at=context.now()
    )
    headers = await wait_for_access(context.recording, caller.app.app_id)
    row = await _find(context, caller, key_id)
    return document(envelope.single(KIND, _item(row)), headers)


class _Made:
    """A new key: what is recorded of it, and what its holder sees once."""

    def __init__(
        self, context: AppsContext, caller: Caller, *, kind: KeyKind, name: str | None
    ) -> None:
        self.occurred_at = context.now()
        self.key: NewKey = new_key(kind, secrets.token_bytes(KEY_BYTES))
        self.command = CreateKey(
            app_id=caller.app.app_id,
            key_id=uuid4(),
            kind=kind,
            key_sha256=self.key.sha256,
            prefix=self.key.prefix,
            name=name,
            actor=caller.actor,
        )
        self.row = KeyDetails(
            key_id=self.command.key_id,
            kind=kind,
            prefix=self.key.prefix,
            name=name,
            created_at=self.occurred_at,
            expires_at=None,
            replaced_by=None,
            revoked_at=None,
        )


async def _find(context: AppsContext, caller: Caller, key_id: UUID) -> KeyDetails:
    row = await context.auth.access_rows.key(caller.app.app_id, key_id)
    if row is None:
        raise NotFound
    return row


async def _shown(
    context: AppsContext, caller: Caller, recorded: Recorded[envelope.Json], key: NewKey
) -> Response:
    headers = await wait_for_access(context.recording, caller.app.app_id)
    if recorded.replayed:
        headers[REPLAYED] = "true"
    shown = {**recorded.result, "key": None if recorded.replayed else key.text}
    return document(envelope.single(KIND, shown), headers)


def _item(row: KeyDetails) -> envelope.Json:
    return {
        "id": str(row.key_id),
        "kind": row.kind,
        "prefix": row.prefix,
        "name": row.name,
        "createdAt": envelope.moment(row.created_at),
        "expiresAt": envelope.moment(row.expires_at),
        "replacedBy": None if row.replaced_by is None else str(row.replaced_by),
        "revokedAt": envelope.moment(row.revoked_at),
    }
