"""Idempotency keys of what has no stream of its own: the answer is kept in a receipt."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from domain.core import ids
from domain.core.errors import Contradiction, StaleWrite
from domain.core.idempotency import CreateIdempotencyRecord, IdempotencyRecordCreated
from service.http.caller import Caller
from service.http.envelope import Json
from service.http.errors import KeyReused
from service.http.requests import idempotency_key
from service.recording.context import RecordingContext, context_of
from service.recording.record import request_hash


@dataclass(frozen=True, slots=True)
class Done:
    """What a request led to; `replayed`: it was done before."""

    result: Json
    replayed: bool


async def do_once(
    request: Request,
    caller: Caller,
    given: object,
    result: Json,
    write: Callable[[CreateIdempotencyRecord | None], object],
) -> Done:
    """Write once per idempotency key, with `result` as what is answered ever after.

    `write` blocks; it saves the receipt in the same append. Raises KeyReused, and what it raises.
    """
    context, key = context_of(request), idempotency_key(request)
    if key is None:
        await asyncio.to_thread(write, None)
        return Done(result, replayed=False)
    idempotency_record = CreateIdempotencyRecord(
        record_id=ids.for_post(caller.app.app_id, caller.tenant_id, key),
        app_id=caller.app.app_id,
        request_hash=request_hash(request, given),
        result=result,
        actor=caller.actor,
    )
    known = await _known(context, idempotency_record)
    if known is not None:
        return known
    try:
        await asyncio.to_thread(write, idempotency_record)
    except (StaleWrite, Contradiction):
        # The same request may have been faster, on another machine: then its result counts.
        known = await _known(context, idempotency_record)
        if known is None:
            raise
        return known
    return Done(result, replayed=False)


async def _known(
    context: RecordingContext, idempotency_record: CreateIdempotencyRecord
) -> Done | None:
    recorded = await context.log.stream_async(idempotency_record.record_id, limit=1)
    if not recorded:
        return None
    first = context.streams.decoded(recorded[0])
    if getattr(first, "request_hash", None) != idempotency_record.request_hash:
        raise KeyReused
    return Done(first.result if isinstance(first, IdempotencyRecordCreated) else {}, replayed=True)
