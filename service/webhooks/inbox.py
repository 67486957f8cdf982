"""Verify, parse and store deliveries, each event once."""

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import cast

from domain.apps.connection import secret_context
from domain.core import ids
from domain.core.providers import Mode, Provider
from domain.inbox.commands import ReceiveProviderEvent
from domain.inbox.provider_event import ProviderEvent, ProviderEventReceived
from eventlog.bodies import Body
from eventlog.errors import Conflict
from eventlog.security.safe_json import Unreadable
from projections.access.queries import ConnectionRow
from service.http.errors import FieldError, WebhookRejected
from service.webhooks import mollie_signature
from service.webhooks.context import WebhooksContext
from service.webhooks.mollie import MollieEvent
from service.webhooks.mollie import read_event as read_mollie_event
from service.webhooks.stripe import StripeEvent, read_event
from service.webhooks.stripe_signature import Verdict, verify


async def store_stripe_event(
    context: WebhooksContext, connection: ConnectionRow, raw: bytes, *, header: str
) -> int | None:
    """Verify and store a delivery; return its position, None for a known event.

    Raises WebhookRejected, DeliveriesOverRate and DeliveriesOverBytes. Counts stored deliveries.
    """
    received_at = context.now()
    event = await context.large_bodies.read(
        raw, lambda: _proved(context, connection, raw, header=header, received_at=received_at)
    )
    context.budgets.admit(connection, size_bytes=len(raw))
    return await _stored(context, connection, event, received_at=received_at)


def start_to_store(
    context: WebhooksContext, connection: ConnectionRow, raw: bytes, *, header: str
) -> asyncio.Future[list[int]] | None:
    """Verify a small delivery of Stripe and start to append it; the future has its position.

    None, and nothing is counted, where `store_stripe_event` would wait or refuse it. Raises
    WebhookRejected and LogClosed. `count_stored` counts it once the future is done.
    """
    received_at = context.now()
    event = _proved(context, connection, raw, header=header, received_at=received_at)
    if not context.budgets.fits(connection, size_bytes=len(raw)):
        return None
    received, body = _received(connection, event, received_at=received_at)
    done = context.recording.store.start_append([received], [body])
    if done is not None:
        context.budgets.count(connection, size_bytes=len(raw))
    return done


async def store_mollie_event(
    context: WebhooksContext, connection: ConnectionRow, raw: bytes, *, header: str
) -> int | None:
    """Verify and store a signed delivery, as `store_stripe_event` does."""
    event = await context.large_bodies.read(
        raw, lambda: _proved_at_mollie(context, connection, raw, header=header)
    )
    context.budgets.admit(connection, size_bytes=len(raw))
    return await _stored(context, connection, event, received_at=context.now())


def _proved_at_mollie(
    context: WebhooksContext, connection: ConnectionRow, raw: bytes, *, header: str
) -> MollieEvent:
    scope = secret_context(connection.app_id, connection.name)
    secrets = [context.open_secret(s, scope) for s in connection.sealed_webhook_secrets]
    verdict = mollie_signature.verify(raw, header=header, secrets=secrets)
    if verdict is not Verdict.VALID:
        raise WebhookRejected(verdict)
    try:
        event = read_mollie_event(raw)
    except Unreadable:
        raise WebhookRejected("unreadable") from None
    if event.mode not in (None, connection.mode):
        message = f"mode: the connection is of {connection.mode} mode"
        raise WebhookRejected("wrong_mode", FieldError(message=message, path="mode"))
    return event


def _proved(
    context: WebhooksContext,
    connection: ConnectionRow,
    raw: bytes,
    *,
    header: str,
    received_at: datetime,
) -> StripeEvent:
    if not header:
        raise WebhookRejected("unsigned")
    scope = secret_context(connection.app_id, connection.name)
    verdict = verify(
        raw,
        header=header,
        secrets=[context.open_secret(s, scope) for s in connection.sealed_webhook_secrets],
        now_s=received_at.timestamp(),
        tolerance_s=context.settings.signature_tolerance_s,
    )
    if verdict is not Verdict.VALID:
        raise WebhookRejected(verdict)
    try:
        event = read_event(raw)
    except Unreadable:
        raise WebhookRejected("unreadable") from None
    if event.livemode != (connection.mode == "live"):
        message = f"livemode: the connection is of {connection.mode} mode"
        raise WebhookRejected("wrong_mode", FieldError(message=message, path="livemode"))
    return event


async def _stored(
    context: WebhooksContext,
    connection: ConnectionRow,
    event: StripeEvent | MollieEvent,
    *,
    received_at: datetime,
) -> int | None:
    """Store an event and count it; return None for a known event."""
    received, body = _received(connection, event, received_at=received_at)
    position = None
    with suppress(Conflict):
        (position,) = await context.recording.store.append([received], [body])
    count_stored(context, connection, is_known=position is None)
    return position


def count_stored(context: WebhooksContext, connection: ConnectionRow, *, is_known: bool) -> None:
    """Count a delivery that was stored, or whose event was known."""
    result = "known" if is_known else "stored"
    context.recording.metrics.record_delivery(connection.provider, result)


def _received(
    connection: ConnectionRow, event: StripeEvent | MollieEvent, *, received_at: datetime
) -> tuple[ProviderEventReceived, Body]:
    """Return what is recorded of a verified delivery."""
    body = Body.of(event.body, None)
    command = ReceiveProviderEvent(
        event_id=ids.for_provider_event(connection.connection_id, connection.mode, event.id),
        app_id=connection.app_id,
        connection_id=connection.connection_id,
        connection=connection.name,
        provider=cast("Provider", connection.provider),
        mode=cast("Mode", connection.mode),
        provider_event_id=event.id,
        type=event.type,
        object_type=event.object_type,
        object_id=event.object_id,
        invoice_id=event.invoice_id if isinstance(event, StripeEvent) else None,
        occurred_at=event.created_s,
        body=body.sha256.hex(),
        actor=f"webhook:{event.id}",
    )
    return ProviderEvent.received_event(command, occurred_at=received_at), body
