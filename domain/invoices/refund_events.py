"""The events of an invoice about money that went back: refunds and disputes.

As for all of an invoice's facts: amounts in minor units, provider times in Unix seconds, a released
event is never edited.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from domain.invoices.events import InvoiceEvent


class RefundEvent(InvoiceEvent):
    """Shared fields of the events of one refund. `refund_id` is ours, None for refunds of others.

    `amount_minor`: the amount of the refund from then on.
    """

    refund_id: UUID | None
    amount_minor: int


class RefundRequested(RefundEvent):
    """Someone asked for money back; the amount is reserved from here on.

    `part_of`: the refund whose request this is another part of. `payment_id`: the payment that the
    part is taken from; None while it is not chosen.
    """

    TOPIC: ClassVar[str] = "invoice.refund_requested"
    refund_id: UUID
    amount_minor: int
    reason: str | None
    credit_note: bool
    request_hash: str | None
    app_id: UUID | None = None
    part_of: UUID | None = None
    payment_id: str | None = None


class RefundAllocated(RefundEvent):
    """A requested refund is taken from one of several payments; it shrinks to `amount_minor`.

    The rest of the requested amount follows as refunds of their own, with `part_of`.
    """

    TOPIC: ClassVar[str] = "invoice.refund_allocated"
    refund_id: UUID
    payment_id: str
    amount_minor: int


class RefundPending(RefundEvent):
    """The provider has taken the refund on; the money is on its way for days.

    `note_due`: its credit note is yet to be created.
    """

    TOPIC: ClassVar[str] = "invoice.refund_pending"
    refund_id: UUID | None
    provider_refund_id: str
    amount_minor: int
    source: str
    note_due: bool = False


class RefundSucceeded(RefundEvent):
    """The provider gave the money back. `note_due`: its credit note is yet to be created."""

    TOPIC: ClassVar[str] = "invoice.refund_succeeded"
    refund_id: UUID | None
    provider_refund_id: str
    amount_minor: int
    source: str
    refunded_at: int
    note_due: bool = False


class RefundFailed(RefundEvent):
    """The provider did not give the money back; the reservation is lifted."""

    TOPIC: ClassVar[str] = "invoice.refund_failed"
    refund_id: UUID | None
    provider_refund_id: str | None
    amount_minor: int
    code: str
    message: str
    source: str


class CreditNoteEvent(InvoiceEvent):
    """Shared fields of credit note events.

    `credited_minor`: of `amount_minor`, what was given back otherwise than by a refund: as credit
    of the customer, or out of band. `refund_id`: our refund that the credit note was made for;
    `ends_refund`: it was what this refund still lacked.
    """

    credit_note_id: str
    number: str | None
    amount_minor: int
    credited_minor: int
    refund_id: str | None
    source: str
    ends_refund: bool = False


class CreditNoteIssued(CreditNoteEvent):
    """A credit note lowers what is billed."""

    TOPIC: ClassVar[str] = "invoice.credit_note_issued"


class CreditNoteVoided(CreditNoteEvent):
    """A credit note counts no longer."""

    TOPIC: ClassVar[str] = "invoice.credit_note_voided"


class CreditNoteRefused(InvoiceEvent):
    """The provider refused the credit note of a refund, which stands without one."""

    TOPIC: ClassVar[str] = "invoice.credit_note_refused"
    refund_id: UUID
    code: str
    message: str


class DisputeEvent(InvoiceEvent):
    """Shared fields of dispute (chargeback) events."""

    dispute_id: str
    amount_minor: int
    source: str
    disputed_at: int | None = None


class DisputeOpened(DisputeEvent):
    """The customer's bank took the money back for now."""

    TOPIC: ClassVar[str] = "invoice.dispute_opened"


class DisputeWon(DisputeEvent):
    """The money came back."""

    TOPIC: ClassVar[str] = "invoice.dispute_won"


class DisputeLost(DisputeEvent):
    """The money is gone."""

    TOPIC: ClassVar[str] = "invoice.dispute_lost"
