"""Record replays of a delivery and wait for their outcomes."""

import asyncio
from uuid import UUID, uuid4

from starlette.requests import Request

from domain.core.aggregate import AggregateRoot
from domain.core.idempotency import CreateIdempotencyRecord, IdempotencyRecord
from domain.inbox.delivery_view import ENDING_TOPICS, has_ended
from domain.inbox.provider_event import ProviderEvent, ProviderEventReplayRequested
from eventlog.errors import LogUnavailable
from service.http.caller import Caller
from service.http.errors import NotFound
from service.recording.idempotency import record_once
from service.recording.record import Recorded
from service.webhooks.context import WebhooksContext, context_of
from service.webhooks.deliveries import Entry, events_in, folded


async def request_replay(
    request: Request, caller: Caller, delivery_id: UUID, *, given: object, wait_s: float
) -> Recorded[Entry]:
    """Record a replay of a delivery, and wait for its outcome. Raises KeyReused."""
    context = context_of(request)
    request_id, occurred_at = uuid4(), context.now()

    def write(idempotency_record: CreateIdempotencyRecord | None) -> None:
        def also_save() -> list[AggregateRoot]:
            if idempotency_record is None:
                return []
            return [IdempotencyRecord.create(idempotency_record, occurred_at=occurred_at)]

        context.recording.billing.change(
            ProviderEvent,
            delivery_id,
            lambda known: known.request_replay(
                request_id, occurred_at=occurred_at, actor=caller.actor
            ),
            also_save=also_save,
        )

    result = {"deliveryId": str(delivery_id), "requestId": str(request_id)}
    recorded = await record_once(request, caller, given, result, write)
    recorded_id = UUID(recorded.result["requestId"])
    entry, pending = await _wait(context, delivery_id, recorded_id, wait_s=wait_s)
    return Recorded(result=entry, pending=pending, replayed=recorded.replayed)


async def _wait(
    context: WebhooksContext, delivery_id: UUID, request_id: UUID, *, wait_s: float
) -> tuple[Entry, bool]:
    """Wait for the outcome of a replay; return the entry, and whether the replay is pending."""
    deadline_s = asyncio.get_running_loop().time() + wait_s
    entry, pending = await _fold_until_outcome(context, delivery_id, request_id)
    try:
        async with context.recording.waits.wait(wait_s):
            while pending and await context.recording.tail.wait_for(
                delivery_id, ENDING_TOPICS, entry.position, deadline_s
            ):
                entry, pending = await _fold_until_outcome(context, delivery_id, request_id)
    except (TimeoutError, LogUnavailable):
        # The replay is recorded: this is a 202, not an error.
        return entry, True
    return entry, pending


async def _fold_until_outcome(
    context: WebhooksContext, delivery_id: UUID, request_id: UUID
) -> tuple[Entry, bool]:
    """Fold an entry up to the outcome of a replay, or up to now; return it and `pending`.

    A recorded outcome never changes, so every later call returns the same entry.
    """
    events = events_in(
        context.recording.streams, await context.recording.log.stream_async(delivery_id)
    )
    requested, end = False, len(events)
    for number, (_, event) in enumerate(events):
        if isinstance(event, ProviderEventReplayRequested):
            requested = requested or event.request_id == request_id
        elif requested and has_ended(event):
            end = number + 1
            break
    else:
        requested = False
    entry = folded(events[:end])
    if entry is None:
        raise NotFound
    return entry, not requested
