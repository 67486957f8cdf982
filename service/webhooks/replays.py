"""Applying a delivery again: asked for once per idempotency key, then waited for."""

import asyncio
from dataclasses import dataclass
from uuid import UUID, uuid4

from starlette.requests import Request

from domain.core.aggregate import AggregateRoot
from domain.core.idempotency import CreateIdempotencyRecord, IdempotencyRecord
from domain.inbox.delivery_view import ENDING_TOPICS, has_ended
from domain.inbox.provider_event import ProviderEvent, ProviderEventReplayRequested
from eventlog.errors import LogUnavailable
from service.http.caller import Caller
from service.http.errors import NotFound
from service.recording.idempotency import do_once
from service.webhooks.context import WebhooksContext, context_of
from service.webhooks.deliveries import Entry, facts_in, folded


@dataclass(frozen=True, slots=True)
class Replayed:
    """What can be told of a replay: what came of it, or (`pending`) that it was asked for."""

    entry: Entry
    pending: bool
    known: bool
    """The same request was done before."""


async def replay(
    request: Request, caller: Caller, delivery_id: UUID, *, given: object, wait_s: float
) -> Replayed:
    """Ask that a delivery is applied again, and wait for what comes of it. Raises KeyReused."""
    context = context_of(request)
    request_id, occurred_at = uuid4(), context.now()

    def write(idempotency_record: CreateIdempotencyRecord | None) -> None:
        def receipts() -> list[AggregateRoot]:
            return (
                []
                if idempotency_record is None
                else [IdempotencyRecord.create(idempotency_record, occurred_at=occurred_at)]
            )

        context.recording.billing.change(
            ProviderEvent,
            delivery_id,
            lambda known: known.request_replay(
                request_id, occurred_at=occurred_at, actor=caller.actor
            ),
            also_save=receipts,
        )

    result = {"deliveryId": str(delivery_id), "requestId": str(request_id)}
    done = await do_once(request, caller, given, result, write)
    asked = UUID(done.result["requestId"])
    entry, pending = await _wait(context, delivery_id, asked, wait_s=wait_s)
    return Replayed(entry, pending=pending, known=done.replayed)


async def _wait(
    context: WebhooksContext, delivery_id: UUID, request_id: UUID, *, wait_s: float
) -> tuple[Entry, bool]:
    """Wait for the end of what was asked for; gives the entry, and whether it is still pending."""
    deadline_s = asyncio.get_running_loop().time() + wait_s
    entry, pending = await _since(context, delivery_id, request_id)
    try:
        async with context.recording.waits.wait(wait_s):
            while pending and await context.recording.tail.wait_for(
                delivery_id, ENDING_TOPICS, entry.position, deadline_s
            ):
                entry, pending = await _since(context, delivery_id, request_id)
    except (TimeoutError, LogUnavailable):
        # It is asked for and recorded, so this is a 202 and no failure.
        return entry, True
    return entry, pending


async def _since(
    context: WebhooksContext, delivery_id: UUID, request_id: UUID
) -> tuple[Entry, bool]:
    """Fold an entry up to what came of an asking: the same for ever, once there is an end."""
    happened = facts_in(
        context.recording.streams, await context.recording.log.stream_async(delivery_id)
    )
    asked, end = False, len(happened)
    for number, (_, event) in enumerate(happened):
        if isinstance(event, ProviderEventReplayRequested):
            asked = asked or event.request_id == request_id
        elif asked and has_ended(event):
            end = number + 1
            break
    else:
        asked = False
    entry = folded(happened[:end])
    if entry is None:
        raise NotFound
    return entry, not asked
