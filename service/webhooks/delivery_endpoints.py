from http import HTTPStatus
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from service.auth.authenticate import authenticate
from service.http.caller import Caller
from service.http.envelope import Rendered
from service.http.errors import BadRequest, FieldError, NotFound
from service.http.queries import ReadQuery, read_query
from service.http.requests import path_uuid, read_json, wait_s
from service.http.responses import LAG_MS, answer, document
from service.http.validation import validate
from service.recording.read_your_writes import wait_until_folded
from service.recording.record import Recorded
from service.recording.response_headers import response_headers
from service.webhooks import render as webhooks_render
from service.webhooks.context import WebhooksContext, context_of
from service.webhooks.deliveries import Entry, find_entry
from service.webhooks.replays import request_replay
from service.webhooks.response_schemas import SingleDeliveries
from service.webhooks.schemas import DeliveryQuery, ReplayBody, to_filter


async def list_deliveries(request: Request) -> Response:
    """List the deliveries of an app, newest first."""
    context = context_of(request)
    caller = await authenticate(request)
    query = read_query(DeliveryQuery, request.query_params)
    await wait_until_folded(context.recording, query.min_position, projection="deliveries")
    headers = {LAG_MS: str(await context.readiness.lag_ms("deliveries"))}
    found = await context.deliveries.list_deliveries(to_filter(query, caller.app.app_id))
    return document(webhooks_render.page(found), headers)


async def get_delivery(request: Request) -> Response:
    """Return a delivery with its history, and its payload until that is erased."""
    caller = await authenticate(request)
    read_query(ReadQuery, request.query_params)  # folded from the log, so never behind a position
    delivery_id = path_uuid(request, "deliveryUuid")
    return document(await _details(context_of(request), caller, delivery_id))


async def replay_delivery(request: Request) -> Response:
    """Replay a delivery and return the result."""
    context = context_of(request)
    caller = await authenticate(request)
    delivery_id = path_uuid(request, "deliveryUuid")
    given = await read_json(request, context.settings, default={})
    validate(ReplayBody, given)
    await _require_verified(context, caller, delivery_id)
    seconds = wait_s(
        request,
        default_s=context.settings.wait_default_s,
        most_s=context.settings.wait_max_s,
    )
    recorded = await request_replay(request, caller, delivery_id, given=given, wait_s=seconds)
    return _present(recorded)


async def _details(context: WebhooksContext, caller: Caller, delivery_id: UUID) -> SingleDeliveries:
    app_id = caller.app.app_id
    entry = await _find(context, app_id, delivery_id)
    if entry is None:
        rejected = await context.deliveries.refused(app_id, delivery_id)
        if rejected is None:
            raise NotFound
        return webhooks_render.single_rejected(rejected)
    payload = await context.recording.streams.json_body(entry.view.body)
    return webhooks_render.single(entry, payload=payload)


async def _require_verified(context: WebhooksContext, caller: Caller, delivery_id: UUID) -> None:
    """Raise NotFound, or BadRequest for a rejected delivery, which was never verified."""
    app_id = caller.app.app_id
    if await _find(context, app_id, delivery_id) is not None:
        return
    if await context.deliveries.refused(app_id, delivery_id) is None:
        raise NotFound
    message = "deliveryUuid: was refused; let the provider send it again"
    raise BadRequest(FieldError(message=message, path="deliveryUuid"))


async def _find(context: WebhooksContext, app_id: UUID, delivery_id: UUID) -> Entry | None:
    recording = context.recording
    return await find_entry(
        recording.log, recording.streams, context.deliveries, app_id, delivery_id
    )


def _present(recorded: Recorded[Entry]) -> Response:
    view, position = recorded.result.view, recorded.result.position
    path = f"/api/v1/apps/{view.app_id}/webhook-deliveries/{view.id}"
    headers = response_headers(recorded, path, position=position, with_min_position=True)
    status = HTTPStatus.ACCEPTED if recorded.pending else HTTPStatus.OK
    shown = webhooks_render.replayed(recorded.result)
    return answer(Rendered(status=status, document=shown), headers)
