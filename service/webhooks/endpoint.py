"""Endpoint of providers' webhooks: Stripe's, and Mollie's signed and unsigned ones."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from eventlog.database.fair_share import session_holder
from projections.access.queries import ConnectionRow
from service.http.errors import NotFound, TooLarge
from service.http.requests import path_uuid, raw_header, read_body
from service.http.responses import POSITION, PRIVATE, serialized
from service.webhooks.context import WebhooksContext, context_of
from service.webhooks.hints import hinted_at
from service.webhooks.inbox import store_mollie_event, store_stripe_event
from service.webhooks.mollie_signature import HEADER as MOLLIE_SIGNATURE
from service.webhooks.rejections import REJECTIONS, record_rejection
from service.webhooks.response_schemas import Received

RECEIVED: Final = serialized(Received(received=True))
"""Body of the response to a stored delivery."""
RECEIVED_HEADERS: Final = Response(
    RECEIVED, headers=PRIVATE, media_type="application/json"
).raw_headers
_POSITION: Final = POSITION.encode()
_MOLLIE_SIGNATURE: Final = MOLLIE_SIGNATURE.encode()
_STRIPE: Final = (b"stripe-signature", store_stripe_event)


class _Acknowledged(Response):
    """The response to a stored delivery: its headers are encoded once for all of them."""

    def __init__(self, position: int | None) -> None:
        self.status_code = int(HTTPStatus.OK)
        self.body = RECEIVED
        known = [] if position is None else [(_POSITION, b"%d" % position)]
        self.raw_headers = [*RECEIVED_HEADERS, *known]
        self.background = None


async def receive_webhook(request: Request) -> Response:
    """Receive a delivery; respond when it is stored, before it is applied."""
    is_mollie = request.path_params["provider"] == "mollie"
    if is_mollie and raw_header(request, _MOLLIE_SIGNATURE) is None:
        return await _receive_hint(request)
    context = context_of(request)
    connection = await _connection(context, request)
    raw = None
    try:
        raw = await read_body(request, limit_bytes=context.settings.webhook_body_limit_bytes)
        name, store = (_MOLLIE_SIGNATURE, store_mollie_event) if is_mollie else _STRIPE
        header = (raw_header(request, name) or b"").decode("latin-1")
        position = await store(context, connection, raw, header=header)
    except REJECTIONS as error:
        record_rejection(request, connection, error, raw=raw)
        raise
    return _Acknowledged(position)


async def _receive_hint(request: Request) -> Response:
    """Receive an unsigned hint; the response reveals nothing about it."""
    context = context_of(request)
    try:
        raw = await read_body(request, limit_bytes=context.settings.webhook_body_limit_bytes)
        connection = await _found(context, request)
    except (NotFound, TooLarge):
        raw, connection = b"", None
    payment_id = hinted_at(raw)
    if connection is None or payment_id is None:
        context.recording.metrics.record_delivery("mollie", "ignored")
    else:
        await context.hints.take(connection, payment_id, occurred_at=context.now())
    return _Acknowledged(None)


async def _connection(context: WebhooksContext, request: Request) -> ConnectionRow:
    """Find the connection of the URL. Raises the same NotFound for every fault."""
    found = await _found(context, request)
    if not found.sealed_webhook_secrets:
        raise NotFound
    return found


async def _found(context: WebhooksContext, request: Request) -> ConnectionRow:
    connection_id = path_uuid(request, "connectionId")
    access = context.access
    found = access.cached_connection(connection_id) or await access.connection(connection_id)
    if found is None or found.deleted or found.provider != request.path_params["provider"]:
        raise NotFound
    session_holder.set(("webhooks", connection_id))
    return found
