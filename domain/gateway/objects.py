"""Invoices, payments, refunds and customers at a payment provider, as the gateways return them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from domain.catalogue.pricing import Charge

PaymentState = Literal["requires_action", "processing", "succeeded", "failed", "canceled", "open"]
InvoiceState = Literal[
    "draft", "open", "paid", "void", "uncollectible", "deleted", "canceled", "expired"
]
CaptureState = Literal["pending", "succeeded", "failed"]
RefundState = Literal["pending", "succeeded", "failed"]
DisputeState = Literal["open", "won", "lost"]
CreditNoteState = Literal["issued", "void"]
InvoiceReason = Literal["manual", "first", "renewal", "change"]
MandateState = Literal["pending", "valid", "invalid"]


@dataclass(frozen=True, kw_only=True)
class ProviderCustomer:
    """A customer at the provider. `default_method`: what is charged when a request names none."""

    id: str
    currency: str | None
    default_method: str | None
    deleted: bool = False


@dataclass(frozen=True, kw_only=True)
class ProviderPrice:
    """A catalogue price. `recurring` prices belong to subscriptions."""

    id: str
    currency: str
    unit_amount_minor: int | None
    recurring: bool
    active: bool


@dataclass(frozen=True, kw_only=True)
class ProviderLine:
    """A line as the provider has it; `reference` is ours, sent in its metadata."""

    id: str
    description: str | None
    quantity: int | None
    price: str | None
    total_minor: int
    currency: str
    reference: str | None


@dataclass(frozen=True, kw_only=True)
class ProviderPayment:
    """Status of an invoice's payment. Codes are set if it was declined.

    `charge` names the last attempt, where the provider names attempts.
    """

    id: str
    state: PaymentState
    amount_minor: int
    method: str | None = None
    charge: str | None = None
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None


@dataclass(frozen=True, kw_only=True)
class InvoicePayment:
    """A payment towards an invoice, as an event reports it: `amount_minor` was paid."""

    invoice_id: str
    payment_id: str
    amount_minor: int


@dataclass(frozen=True, kw_only=True)
class ProviderInvoice:
    """A provider's invoice at one moment.

    `as_of` is that moment in Unix seconds by the provider's clock. `payment` is None in webhooks,
    which do not carry it; `announces` is what the event that brought it says of the payment.
    Where the provider has no invoices (`object_type` payment), a payment stands for one: it can be
    canceled or expire, and another one may be made for the same invoice of ours.
    `reason`: why the provider has it; only a subscription's `first` one can be what we asked for.
    `amount_due_minor`: the remaining amount at the provider, less credit notes, the customer's
    balance and partial payments. `paid_parts`: the payments that came in as (Unix seconds, minor
    units), in order; none where the provider's object does not tell.
    `credit_notes_minor`: the sum of the invoice's credit notes.
    `revision_of`, `latest_revision`: the invoice that it replaces, and the one that replaces it.
    `amount_capturable_minor`: what an authorized payment (`capturable_payment`) still holds until
    `capture_before`; None where the provider's object does not tell.
    `dashboard_url`: where whoever runs the shop sees it.
    `raw` is the provider's JSON with secrets cut.
    """

    id: str
    state: InvoiceState
    as_of: int
    livemode: bool
    currency: str
    customer: str | None
    number: str | None
    total_minor: int
    tax_minor: int
    amount_paid_minor: int
    amount_due_minor: int
    attempt_count: int
    hosted_url: str | None
    due_at: int | None
    period_start: int | None
    period_end: int | None
    paid_at: int | None
    paid_parts: tuple[tuple[int, int], ...] = ()
    credit_notes_minor: int = 0
    revision_of: str | None = None
    latest_revision: str | None = None
    amount_overpaid_minor: int = 0
    amount_capturable_minor: int | None = None
    capture_before: int | None = None
    capturable_payment: str | None = None
    object_type: Literal["invoice", "payment"] = "invoice"
    created_at: int | None = None
    issued_at: int | None = None
    subscription_id: str | None = None
    reason: InvoiceReason = "manual"
    description: str | None = None
    footer: str | None = None
    lines: tuple[ProviderLine, ...] = ()
    more_lines: bool = False
    dashboard_url: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    payment: ProviderPayment | None = None
    event_payment_state: PaymentState | None = None
    raw: bytes = b""


@dataclass(frozen=True, kw_only=True)
class LineDraft:
    """A line to send: by `price`, or `amount_minor` each in the invoice's currency."""

    reference: str
    name: str | None
    quantity: int
    price: str | None
    amount_minor: int | None


@dataclass(frozen=True, kw_only=True)
class InvoiceDraft:
    """Input of the call that creates an invoice; equal on each try, as idempotency keys require.

    `currency` None leaves it to the provider; `include_pending_items` adds the
    customer's pending items.
    """

    customer: str
    currency: str | None
    include_pending_items: bool = False
    tax_rate_id: str | None
    payment_method: str | None
    footer: str | None
    description: str | None
    metadata: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class PaymentDraft:
    """Input of the call that creates a payment for an invoice; equal on each try.

    `method`: how to pay; None lets the customer choose. `mandate`: charged by it at once, without
    anybody at a page, so that `redirect_url` is None. `first`: it leaves a mandate for later ones.
    `webhook_url` None: the provider can't reach us.
    """

    charge: Charge
    customer: str
    description: str
    method: str | None
    mandate: str | None
    redirect_url: str | None
    webhook_url: str | None
    metadata: dict[str, str]
    first: bool = False


@dataclass(frozen=True, kw_only=True)
class ProviderMandate:
    """Authorisation to charge a customer off-session."""

    id: str
    state: MandateState
    method: str | None = None


@dataclass(frozen=True, kw_only=True)
class CaptureDraft:
    """A part of an authorized payment to capture. `reference` is ours, sent in the metadata."""

    payment_id: str
    amount_minor: int
    currency: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class ProviderCapture:
    """A capture as the provider has it."""

    id: str
    state: CaptureState
    amount_minor: int


@dataclass(frozen=True, kw_only=True)
class RefundDraft:
    """Money to give back on a paid invoice. `reference` is ours; it travels in the metadata.

    `credit_note`: through a credit note, so that tax and invoice agree.
    """

    invoice_id: str
    payment_id: str | None
    amount_minor: int
    currency: str
    reason: str | None
    credit_note: bool
    reference: str
    metadata: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class ProviderRefund:
    """A refund as the provider has it; `reference` is ours where we asked for it.

    `code` and `message` say why it failed.
    """

    id: str
    state: RefundState
    amount_minor: int
    refunded_at: int
    reference: str | None = None
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaidPayment:
    """A payment of an invoice that came in. `amount_minor`: its part of the amount paid.

    `id` None: it was paid outside of the provider, which cannot refund it. `refunds` and disputes
    are fetched only where the invoice has several payments. `disputed_minor`: open or lost.
    """

    id: str | None
    amount_minor: int
    refunds: tuple[ProviderRefund, ...] = ()
    disputed_minor: int = 0


@dataclass(frozen=True, kw_only=True)
class ProviderDispute:
    """A dispute (chargeback) as the provider has it; a mere inquiry is none."""

    id: str
    state: DisputeState
    amount_minor: int
    disputed_at: int


@dataclass(frozen=True, kw_only=True)
class ProviderCreditNote:
    """A credit note of an invoice; `reference` is ours where it made a refund that we requested.

    `credited_minor`: of `amount_minor`, what was given back otherwise than by a refund: as credit
    of the customer, or out of band.
    """

    id: str
    state: CreditNoteState
    number: str | None
    amount_minor: int
    credited_minor: int
    reference: str | None = None


@dataclass(frozen=True, kw_only=True)
class RefundsAndDisputes:
    """Refunds and disputes of one invoice, pending ones included."""

    refunds: tuple[ProviderRefund, ...] = ()
    disputes: tuple[ProviderDispute, ...] = ()
    credit_notes: tuple[ProviderCreditNote, ...] = ()
