"""Facts of an invoice for which several payments stand, of which only one may count."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from domain.invoice_events import InvoiceEvent


class PaymentsLeftOver(InvoiceEvent):
    """One payment settled the invoice; the others, `object_ids`, should not be paid any more."""

    TOPIC: ClassVar[str] = "invoice.payments_left_over"
    app_id: UUID
    object_ids: list[str]


class OverpaymentReturned(InvoiceEvent):
    """Of a payment that nobody expected so much went back by now; `amount_minor` is all of it."""

    TOPIC: ClassVar[str] = "invoice.overpayment_returned"
    provider_object_id: str
    amount_minor: int
    currency: str
    source: str
