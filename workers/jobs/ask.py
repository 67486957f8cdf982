"""Apply a webhook that can't be judged by itself: ask the provider how things stand now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from domain.billing import Billing
from domain.gateway import PaymentGateway
from domain.invoice import Invoice
from domain.provider_event import ProviderEvent
from domain.word import Effect
from eventlog.bodies import Body


def apply_by_asking(
    provider_event_id: UUID,
    *,
    billing: Billing,
    gateway_of: Callable[[UUID, str], PaymentGateway],
    now: Callable[[], datetime],
) -> None:
    """Fetch the invoice, let it take that in, and close the inbox's entry."""
    entry = billing.get(ProviderEvent, provider_event_id)
    if entry.applied:
        return
    received = entry.received
    assert received.invoice_id is not None, "only events of known invoices are asked about"  # noqa: S101 - apply parks others
    by = f"webhook:{received.provider_event_id}"
    invoice = billing.get(Invoice, received.invoice_id)
    if invoice.view.settling and invoice.view.gave_up is None:
        effect = Effect.DEFERRED
    else:
        gateway = gateway_of(received.app_id, received.connection)
        answer = gateway.fetch_invoice(received.object_id)
        body = Body.of(answer.raw, invoice.view.body_owner)
        effect = billing.record_provider_state(
            invoice.id,
            answer,
            source="answer",
            by=by,
            at=now(),
            body=body.sha256.hex(),
            bodies=[body],
            provider_type=received.type,
        )
    effects = [{"invoice": str(invoice.id), "effect": str(effect)}]
    at = now()
    billing.change(
        ProviderEvent,
        provider_event_id,
        lambda known: known.record_applied(effects, at=at, by=by),
    )
