"""Payments that stand for an invoice, where the provider has no invoices: how one is begun."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from domain import invoice_events as e
from domain import status
from domain.gateway import ProviderInvoice
from domain.word import WORKER

if TYPE_CHECKING:
    from domain.invoice import Invoice


def record_payment_begun(
    known: Invoice, made: ProviderInvoice, *, at: datetime, body: str | None
) -> None:
    """Remember a payment and how it stands: where to pay it, or what its charge came to.

    Twice is silent, as is one that is paid already.
    """
    waits = made.state == "open" and (made.payment is None or made.payment.state == "open")
    if waits:
        known.record_checkout(made, at=at, body=body or "", dashboard_url=made.dashboard_url)
        return
    if known.view.status != status.PAID and made.id not in known.view.objects:
        known.remember(
            e.ProviderInvoiceCreated,
            at=at,
            by=WORKER,
            provider_object_type=made.object_type,
            provider_object_id=made.id,
            customer=made.customer or "",
        )
    known.record_provider_state(made, source="answer", by=WORKER, at=at, body=body, attempted=True)
