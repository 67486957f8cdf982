"""Replay several dead letters, chosen by reason and time."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from domain.core.idempotency import CreateIdempotencyRecord, IdempotencyRecord
from domain.inbox.dead_letters import replay_dead_letters
from projections.inbox.dead_letters import DeadLetterFilter
from service.auth.authenticate import authenticate
from service.http.envelope import Rendered
from service.http.errors import BadRequest, FieldError
from service.http.requests import read_json
from service.http.responses import answer
from service.http.validation import validate
from service.recording.idempotency import record_once
from service.recording.response_headers import response_headers
from service.webhooks.context import context_of
from service.webhooks.response_schemas import DeadLetterReplays
from service.webhooks.schemas import BulkReplayBody

_FILTERS: Final = ("reason", "connection", "received_from", "received_to")


async def replay_deliveries(request: Request) -> Response:
    """Request a replay of an app's dead letters, the oldest first; return how many remain."""
    context = context_of(request)
    caller = await authenticate(request)
    given = await read_json(request, context.settings)
    body = validate(BulkReplayBody, given)
    if not any(getattr(body, name) is not None for name in _FILTERS):
        message = "reason: is required where no other filter is given"
        raise BadRequest(FieldError(message=message, path="reason"))
    filters = DeadLetterFilter(
        app_id=caller.app.app_id, **{name: getattr(body, name) for name in _FILTERS}
    )
    letters, total = await context.dead_letters.find(filters, limit=body.limit)
    occurred_at, billing = context.now(), context.recording.billing

    def write(idempotency_record: CreateIdempotencyRecord | None) -> None:
        replay_dead_letters(billing, letters, actor=caller.actor, occurred_at=occurred_at)
        if idempotency_record is not None:
            billing.add(IdempotencyRecord.create(idempotency_record, occurred_at=occurred_at))

    result = {"requested": len(letters), "remaining": total - len(letters)}
    recorded = await record_once(request, caller, given, result, write)
    shown = DeadLetterReplays(kind="webhookReplays", **recorded.result)
    position = await context.recording.log.head_async()
    path = f"/api/v1/apps/{caller.app.app_id}/webhook-deliveries"
    headers = response_headers(recorded, path, position=position, with_min_position=True)
    return answer(Rendered(status=HTTPStatus.ACCEPTED, document=shown), headers)
