"""Idempotency keys of requests that create no stream: their results are stored in a record."""

import asyncio
from collections.abc import Callable
from uuid import UUID, uuid4

from starlette.requests import Request

from domain.core import ids
from domain.core.errors import Contradiction, StaleWrite
from domain.core.idempotency import CreateIdempotencyRecord, IdempotencyRecordCreated
from service.http.caller import Caller
from service.http.envelope import Json
from service.http.errors import KeyReused
from service.http.requests import idempotency_key
from service.recording.context import RecordingContext, context_of
from service.recording.record import Recorded, request_hash


def new_request_id(request: Request, caller: Caller) -> UUID:
    """Return the id of a requested action, equal for each request with the same idempotency key.

    Raises BadRequest.
    """
    key = idempotency_key(request)
    return uuid4() if key is None else ids.for_action(caller.app.app_id, caller.tenant_id, key)


async def record_once(
    request: Request,
    caller: Caller,
    given: object,
    result: Json,
    write: Callable[[CreateIdempotencyRecord | None], object],
) -> Recorded[Json]:
    """Call `write` once per idempotency key; every replay returns the first request's `result`.

    `write` blocks, and saves the idempotency record in the same append.
    Raises KeyReused, and the errors of `write`.
    """
    context, key = context_of(request), idempotency_key(request)
    if key is None:
        await asyncio.to_thread(write, None)
        return Recorded(result=result, replayed=False)
    idempotency_record = CreateIdempotencyRecord(
        record_id=ids.for_post(caller.app.app_id, caller.tenant_id, key),
        app_id=caller.app.app_id,
        request_hash=request_hash(request, given),
        result=result,
        actor=caller.actor,
    )
    earlier = await _find_earlier(context, idempotency_record)
    if earlier is not None:
        return earlier
    try:
        await asyncio.to_thread(write, idempotency_record)
    except (StaleWrite, Contradiction):
        # The same request may have been recorded first, through another process.
        earlier = await _find_earlier(context, idempotency_record)
        if earlier is None:
            raise
        return earlier
    return Recorded(result=result, replayed=False)


async def _find_earlier(
    context: RecordingContext, idempotency_record: CreateIdempotencyRecord
) -> Recorded[Json] | None:
    recorded = await context.log.stream_async(idempotency_record.record_id, limit=1)
    if not recorded:
        return None
    first = context.streams.decoded(recorded[0])
    if getattr(first, "request_hash", None) != idempotency_record.request_hash:
        raise KeyReused
    result = first.result if isinstance(first, IdempotencyRecordCreated) else {}
    return Recorded(result=result, replayed=True)
