"""The events of actions requested on an existing invoice; refunds are in `refund_events`."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from domain.invoices.events import InvoiceEvent


class RetryRequested(InvoiceEvent):
    """Another attempt to charge was requested."""

    TOPIC: ClassVar[str] = "invoice.retry_requested"
    payment_method: str | None
    request_hash: str | None
    request_id: UUID | None = None
    app_id: UUID | None = None


class VoidRequested(InvoiceEvent):
    """Voiding the invoice was requested."""

    TOPIC: ClassVar[str] = "invoice.void_requested"
    request_hash: str | None
    request_id: UUID | None = None
    app_id: UUID | None = None


class FinalizeRequested(InvoiceEvent):
    """Finalising the draft was requested."""

    TOPIC: ClassVar[str] = "invoice.finalize_requested"
    request_hash: str | None
    request_id: UUID | None = None
    app_id: UUID | None = None


class UncollectibleRequested(InvoiceEvent):
    """Writing the invoice off was requested."""

    TOPIC: ClassVar[str] = "invoice.uncollectible_requested"
    request_hash: str | None
    request_id: UUID | None = None
    app_id: UUID | None = None


class CaptureRequested(InvoiceEvent):
    """Capturing an authorized payment was requested; `amount_minor` None: all that is held."""

    TOPIC: ClassVar[str] = "invoice.capture_requested"
    amount_minor: int | None
    request_hash: str | None
    request_id: UUID | None = None
    app_id: UUID | None = None


class CaptureAccepted(InvoiceEvent):
    """The provider accepted the capture `capture_id`; a pending one may take it days."""

    TOPIC: ClassVar[str] = "invoice.capture_accepted"
    request_id: UUID | None
    capture_id: str
    amount_minor: int
    pending: bool


class RequestRefused(InvoiceEvent):
    """The provider refused a requested action; the invoice is unchanged.

    `action`: retry, void, finalize, uncollectible or capture.
    """

    TOPIC: ClassVar[str] = "invoice.request_refused"
    action: str
    request_id: UUID | None
    code: str
    message: str
    path: str | None
    provider_code: str | None
