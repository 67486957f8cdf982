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
from service.apps import response_schemas as schemas
from service.apps.context import AppsContext, context_of
from service.auth.authenticate import authenticate_admin
from service.http.caller import Caller
from service.http.envelope import Json
from service.http.errors import BadRequest, FieldError, NotFound
from service.http.requests import path_uuid, read_json
from service.http.response_model import one_item
from service.http.responses import document
from service.http.validation import Name, RequestModel, validate
from service.recording.idempotency import record_once
from service.recording.read_your_writes import wait_for_access
from service.recording.record import Recorded
from service.recording.response_headers import REPLAYED

KIND: Final = "apiKeys"
_DAY_S: Final = 24 * 3600


class NewKeyBody(RequestModel):
    """Body of a new key."""

    kind: KeyKind
    name: Name | None = None


class RotationBody(RequestModel):
    """Body of a rotation: how long the old key stays valid beside the new one."""

    overlap_seconds: int = Field(_DAY_S, ge=0, le=30 * _DAY_S)


async def list_keys(request: Request) -> Response:
    """List an app's keys, without their texts."""
    context = context_of(request)
    caller = await authenticate_admin(request)
    rows = await context.auth.access_rows.keys(caller.app.app_id)
    items = [_item(row) for row in rows]
    return document(
        schemas.ApiKeys(kind=KIND, total_items=len(items), items_length=len(items), items=items)
    )


async def create_key(request: Request) -> Response:
    """Create a key; only this response has its text."""
    context = context_of(request)
    caller = await authenticate_admin(request)
    given = await read_json(request, context.settings)
    recorded, key = await record_new_key(request, caller, given)
    return await _shown(context, caller, recorded, key)


async def record_new_key(
    request: Request, caller: Caller, given: object
) -> tuple[Recorded[Json], NewKey]:
    """Create a key once per Idempotency-Key. Raises BadRequest, KeyReused."""
    context = context_of(request)
    body = validate(NewKeyBody, given)
    made = _Made(context, caller, kind=body.kind, name=body.name)

    def write(idempotency_record: CreateIdempotencyRecord | None) -> None:
        context.recording.billing.create_key(
            made.command, occurred_at=made.occurred_at, idempotency_record=idempotency_record
        )

    return await record_once(request, caller, given, _item(made.row).to_json(), write), made.key


async def rotate_key(request: Request) -> Response:
    """Replace a key by a new one; the old one expires after an overlap."""
    context = context_of(request)
    caller = await authenticate_admin(request)
    given = await read_json(request, context.settings, default={})
    recorded, key = await record_rotation(request, caller, given)
    return await _shown(context, caller, recorded, key)


async def record_rotation(
    request: Request, caller: Caller, given: object
) -> tuple[Recorded[Json], NewKey]:
    """Replace the key in the path once per Idempotency-Key. Raises BadRequest, NotFound."""
    context = context_of(request)
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
        recorded = await record_once(request, caller, given, _item(made.row).to_json(), write)
    except Contradiction:
        message = "keyUuid: was revoked, or has been rotated already"
        raise BadRequest(FieldError(message=message, path="keyUuid")) from None
    return recorded, made.key


async def revoke_key(request: Request) -> Response:
    """Revoke a key; respond once no process accepts it any more."""
    context = context_of(request)
    caller = await authenticate_admin(request)
    key_id = path_uuid(request, "keyUuid")
    command = RevokeKey(app_id=caller.app.app_id, key_id=key_id, actor=caller.actor)
    await asyncio.to_thread(
        context.recording.billing.revoke_key, command, occurred_at=context.now()
    )
    headers = await wait_for_access(context.recording, caller.app.app_id)
    row = await _find(context, caller, key_id)
    return document(one_item(schemas.OneApiKey, kind=KIND, item=_item(row)), headers)


class _Made:
    """A new key: the command that records it, and its text, which is returned once."""

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
    context: AppsContext, caller: Caller, recorded: Recorded[Json], key: NewKey
) -> Response:
    headers = await wait_for_access(context.recording, caller.app.app_id)
    if recorded.replayed:
        headers[REPLAYED] = "true"
    shown = schemas.NewApiKey.from_json(
        recorded.result | {"key": None if recorded.replayed else key.text}
    )
    return document(one_item(schemas.NewApiKeys, kind=KIND, item=shown), headers)


def _item(row: KeyDetails) -> schemas.ApiKey:
    return schemas.ApiKey(
        id=row.key_id,
        kind=row.kind,
        prefix=row.prefix,
        name=row.name,
        created_at=row.created_at,
        expires_at=row.expires_at,
        replaced_by=row.replaced_by,
        revoked_at=row.revoked_at,
    )
