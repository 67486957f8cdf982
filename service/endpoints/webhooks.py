from starlette.requests import Request
from starlette.responses import Response

from projections.access_queries import ConnectionRow
from service.answers import POSITION, document
from service.context import context_of
from service.errors import Missing
from service.inbox import store_stripe_event
from service.incoming import path_uuid, read_body
from service.noting import noted_if_refused


async def receive_webhook(request: Request) -> Response:
    """Take in a provider's delivery: answered when it is stored, whatever comes of it."""
    context = context_of(request)
    connection = await _connection(request)
    with noted_if_refused(request, connection) as seen:
        seen.raw = await read_body(request, limit_bytes=context.settings.webhook_body_limit_bytes)
        header = request.headers.get("stripe-signature", "")
        position = await store_stripe_event(context, connection, seen.raw, header=header)
    headers = {} if position is None else {POSITION: str(position)}
    return document({"received": True}, headers)


async def _connection(request: Request) -> ConnectionRow:
    """Find the connection that the URL names. Raises Missing, the same for whatever is wrong."""
    connection_id = path_uuid(request, "connectionId")
    found = await context_of(request).access.connection(connection_id)
    named = request.path_params["provider"]
    if found is None or found.deleted or found.provider != named:
        raise Missing
    if not found.sealed_webhook_secrets:
        raise Missing
    return found
