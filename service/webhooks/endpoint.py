"""Endpoint of providers' webhooks: Stripe's, and Mollie's signed and unsigned ones."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from eventlog.database.fair_share import session_holder
from projections.access.queries import ConnectionRow
from service.http.errors import NotFound, TooLarge
from service.http.requests import path_uuid, read_body
from service.http.responses import POSITION, PRIVATE, serialized
from service.webhooks.context import context_of
from service.webhooks.hints import hinted_at
from service.webhooks.inbox import store_mollie_event, store_stripe_event
from service.webhooks.mollie_signature import HEADER as MOLLIE_SIGNATURE
from service.webhooks.rejections import record_rejection
from service.webhooks.response_schemas import Received

_RECEIVED: Final = serialized(Received(received=True))
_JSON: Final = {**PRIVATE, "content-type": "application/json"}


async def receive_webhook(request: Request) -> Response:
    """Receive a delivery; respond when it is stored, before it is applied."""
    if request.path_params["provider"] == "mollie" and MOLLIE_SIGNATURE not in request.headers:
        return await _receive_hint(request)
    context = context_of(request)
    connection = await _connection(request)
    with record_rejection(request, connection) as seen:
        seen.raw = await read_body(request, limit_bytes=context.settings.webhook_body_limit_bytes)
        position = await _store(request, connection, seen.raw)
    return _received(position)


def _received(position: int | None) -> Response:
    known = _JSON if position is None else {**_JSON, POSITION: str(position)}
    return Response(_RECEIVED, headers=known)


async def _store(request: Request, connection: ConnectionRow, raw: bytes) -> int | None:
    context = context_of(request)
    if connection.provider == "mollie":
        header = request.headers[MOLLIE_SIGNATURE]
        return await store_mollie_event(context, connection, raw, header=header)
    header = request.headers.get("stripe-signature", "")
    return await store_stripe_event(context, connection, raw, header=header)


async def _receive_hint(request: Request) -> Response:
    """Receive an unsigned hint; the response reveals nothing about it."""
    context = context_of(request)
    try:
        raw = await read_body(request, limit_bytes=context.settings.webhook_body_limit_bytes)
        connection = await _found(request)
    except (NotFound, TooLarge):
        raw, connection = b"", None
    payment_id = hinted_at(raw)
    if connection is None or payment_id is None:
        context.recording.metrics.record_delivery("mollie", "ignored")
    else:
        await context.hints.take(connection, payment_id, occurred_at=context.now())
    return _received(None)


async def _connection(request: Request) -> ConnectionRow:
    """Find the connection of the URL. Raises the same NotFound for every fault."""
    found = await _found(request)
    if not found.sealed_webhook_secrets:
        raise NotFound
    return found


async def _found(request: Request) -> ConnectionRow:
    connection_id = path_uuid(request, "connectionId")
    found = await context_of(request).access.connection(connection_id)
    named = request.path_params["provider"]
    if found is None or found.deleted or found.provider != named:
        raise NotFound
    session_holder.set(("webhooks", connection_id))
    return found
