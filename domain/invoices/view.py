"""The data of an invoice: stored in the read model, rendered in answers, used for decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypedDict
from uuid import UUID

from domain.core import ids
from domain.core.failures import Failure
from domain.core.steps import GaveUp, StepRecord
from domain.invoices import status


class Progress(NamedTuple):
    """Counters of a provider's snapshot that decide which of two is the newer.

    The first three only grow. `payment_rank` is -1 where the snapshot has no payment (webhooks).
    """

    state_rank: int
    attempt_count: int
    amount_paid_minor: int
    payment_rank: int

    @classmethod
    def of(cls, stored: Sequence[int]) -> Progress | None:
        """Read the list in an event; None for any other length, because a fold never raises."""
        return cls(*stored) if len(stored) == len(cls._fields) else None

    @property
    def counters(self) -> tuple[int, int, int]:
        """Return the counters that only grow."""
        return self.state_rank, self.attempt_count, self.amount_paid_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedLine:
    """A line of a request: by a price of the catalogue, or with an amount for one unit."""

    name: str | None
    quantity: int
    price: str | None
    amount_minor: int | None
    currency: str | None


class Line(TypedDict, total=False):
    """A line as events store it: requested, then issued (with `id` and `total_minor`).

    `amount_minor` is for one unit.
    """

    id: str | None
    name: str | None
    quantity: int | None
    price: str | None
    amount_minor: int | None
    total_minor: int | None
    currency: str | None


class NextAction(TypedDict):
    """The action that the customer has to take; `url` is None where it has no page."""

    type: str
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRequest:
    """The request that an invoice was created from; without lines for an imported invoice.

    Fields as in InvoiceRequested.
    """

    lines: list[RequestedLine] = field(default_factory=list)
    tax_rate_id: str | None = None
    payment_method: str | None = None
    redirect_url: str | None = None
    expected_total_minor: int | None = None
    off_session: bool = True
    flow: str = "charge"
    charge_immediately: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRequest:
    """A requested action that has no outcome yet, and the step that carries it out."""

    action: str
    request_id: UUID | None
    step: str
    attempt: int
    payment_method: str | None = None
    amount_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """The last known state of one payment; `id` is the provider's, None while it is unknown."""

    id: str | None
    status: str
    updated_at: datetime
    amount_minor: int | None = None
    method: str | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund; `id` is ours where it was requested here, otherwise the provider's.

    `gave_up`: its step waits for an operator. `part_of`: the refund whose request it is another
    part of. `payment_id`: the payment it is taken from, where the invoice has several. `note_due`:
    its credit note is yet to be created.
    """

    id: str | None
    status: str
    amount_minor: int
    updated_at: datetime
    reason: str | None = None
    credit_note: bool | None = None
    provider_refund_id: str | None = None
    refunded_at: datetime | None = None
    code: str | None = None
    message: str | None = None
    gave_up: bool = False
    part_of: str | None = None
    payment_id: str | None = None
    note_due: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A dispute (chargeback); `disputed_at` by the provider's clock where it is known."""

    id: str
    status: str
    amount_minor: int
    disputed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNote:
    """A credit note. `credited_minor`: what it gave back otherwise than by a refund.

    `refund_id`: our refund that it was made for.
    """

    id: str
    status: str
    amount_minor: int
    credited_minor: int
    updated_at: datetime
    number: str | None = None
    refund_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidPart:
    """An amount that was paid towards an invoice at one moment."""

    paid_at: datetime
    amount_minor: int


@dataclass(slots=True)
class InvoiceView:
    """An invoice as callers see it; the fields from `as_of` on serve decisions alone."""

    id: UUID
    app_id: UUID
    tenant_id: UUID | None
    provider: str
    connection: str
    connection_id: UUID
    mode: str
    type: str
    origin: str
    created_at: datetime
    updated_at: datetime
    user_id: str | None = None
    dialect: str | None = None
    status: str = status.REQUESTED
    number: str | None = None
    currency: str | None = None
    total_minor: int | None = None
    tax_minor: int | None = None
    amount_paid_minor: int = 0
    amount_due_minor: int | None = None
    amount_capturable_minor: int = 0
    amount_refunded_minor: int = 0
    amount_disputed_minor: int = 0
    amount_overpaid_minor: int = 0
    dispute_status: str | None = None
    lines: list[Line] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)
    credit_notes: list[CreditNote] = field(default_factory=list)
    customer: str | None = None
    subscription_id: str | None = None
    subscription_due: bool = False
    period_start: datetime | None = None
    period_end: datetime | None = None
    due_at: datetime | None = None
    capture_before: datetime | None = None
    issued_at: datetime | None = None
    paid_at: datetime | None = None
    description: str | None = None
    footer: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    attempt: int = 0
    provider_object_type: str | None = None
    provider_object_id: str | None = None
    revision_of: UUID | None = None
    revised_by: UUID | None = None
    objects: list[str] = field(default_factory=list)
    paid_by_object: str | None = None
    next_action: NextAction | None = None
    hosted_url: str | None = None
    failure: Failure | None = None
    body: str | None = None
    as_of: int = 0
    payment_as_of: int = 0
    progress: Progress | None = None
    paid_parts: list[PaidPart] = field(default_factory=list)
    paid_elsewhere: dict[str, int] = field(default_factory=dict)
    returned_elsewhere: dict[str, int] = field(default_factory=dict)
    overpaid_here_minor: int = 0
    steps: dict[str, StepRecord] = field(default_factory=dict)
    in_progress: bool = True
    pending_request: PendingRequest | None = None
    gave_up: GaveUp | None = None
    request: InvoiceRequest = field(default_factory=InvoiceRequest)
    request_hash: str | None = None

    @property
    def body_owner(self) -> UUID | None:
        """Return the tenant whose erasure deletes the stored provider objects of this invoice."""
        return None if self.tenant_id is None else ids.for_tenant(self.app_id, self.tenant_id)
