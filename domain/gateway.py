"""The port to a payment provider: the verbs we use, in our own words.

Errors, and what they oblige the caller to do:

GatewayError
├── GatewayUnavailable    outcome unknown or not now: try again under the same key
├── GatewayRejected       final: record it
└── GatewayMisconfigured  an operator must act (credentials, permissions)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

PaymentState = Literal["requires_action", "processing", "succeeded", "failed", "canceled", "open"]
InvoiceState = Literal["draft", "open", "paid", "void", "uncollectible", "deleted"]
RefundState = Literal["pending", "succeeded", "failed"]
DisputeState = Literal["open", "won", "lost"]


class GatewayError(Exception):
    """The root of what a provider call can end in, other than an answer."""


class GatewayUnavailable(GatewayError):
    """No definite answer: time-out, lost connection, 5xx, rate limit.

    `retry_after_s` is the provider's wish. `counted` is False where nothing was tried (a rate
    limit), so that waiting does not use up tries.
    """

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, counted: bool = True
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.counted = counted


class GatewayRejected(GatewayError):
    """The provider refused for good.

    `declined`: the payer's side refused the money; `missing`: what was named does not exist.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        decline_code: str | None = None,
        param: str | None = None,
        declined: bool = False,
        missing: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.decline_code = decline_code
        self.param = param
        self.declined = declined
        self.missing = missing


class GatewayMisconfigured(GatewayError):
    """The provider does not accept our credentials or settings."""


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
    quantity: int
    price: str | None
    total_minor: int
    currency: str
    reference: str | None


@dataclass(frozen=True, kw_only=True)
class ProviderPayment:
    """Where the payment of an invoice stands. Codes are set where it was refused.

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
class ProviderInvoice:
    """A provider's invoice at one moment.

    `as_of` is that moment in Unix seconds by the provider's clock. `payment` is None in webhooks,
    which do not carry it; `announces` is what the event that brought it says of the payment.
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
    attempt_count: int
    hosted_url: str | None
    due_at: int | None
    period_start: int | None
    period_end: int | None
    paid_at: int | None
    amount_overpaid_minor: int = 0
    lines: tuple[ProviderLine, ...] = ()
    more_lines: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    payment: ProviderPayment | None = None
    announces: PaymentState | None = None
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
    """What the provider needs to open an invoice; the same draft always, so that keys agree.

    `currency` None leaves it to the provider; `gather` takes the customer's pending items in.
    """

    customer: str
    currency: str | None
    gather: bool = False
    tax_rate_id: str | None
    payment_method: str | None
    footer: str | None
    description: str | None
    metadata: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class RefundDraft:
    """Money to give back on a paid invoice. `reference` is ours; it travels in the metadata.

    `credit_note`: through a credit note, so that tax and invoice agree.
    """

    invoice_id: str
    payment_id: str | None
    amount_minor: int
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
class ProviderDispute:
    """A dispute (chargeback) as the provider has it; a mere inquiry is none."""

    id: str
    state: DisputeState
    amount_minor: int
    disputed_at: int


@dataclass(frozen=True, kw_only=True)
class MoneyBack:
    """All that went back on one invoice, or is on its way."""

    refunds: tuple[ProviderRefund, ...] = ()
    disputes: tuple[ProviderDispute, ...] = ()


class PaymentGateway(Protocol):
    """One connection to one provider. Every call may raise a GatewayError."""

    def find_customer(self, customer_id: str) -> ProviderCustomer:
        """Fetch a customer with what would be charged by default."""

    def create_customer(
        self, metadata: dict[str, str], *, contact: dict[str, Any], key: str
    ) -> str:
        """Make a customer; returns the provider's id."""

    def find_price(self, price_id: str) -> ProviderPrice:
        """Fetch a catalogue price."""

    def create_invoice(self, draft: InvoiceDraft, *, key: str) -> ProviderInvoice:
        """Open a draft that the provider does not advance by itself."""

    def add_lines(
        self, invoice_id: str, lines: Sequence[LineDraft], *, currency: str, key: str
    ) -> None:
        """Add all lines (1..250) in one call."""

    def list_lines(self, invoice_id: str) -> list[ProviderLine]:
        """Fetch every line, following pages."""

    def finalize_invoice(self, invoice_id: str, *, key: str, hold: bool = True) -> ProviderInvoice:
        """Number the draft; charges nothing, though credit may settle it.

        `hold`: the provider must not charge it by itself afterwards; else the draft's word counts.
        """

    def pay_invoice(
        self, invoice_id: str, *, off_session: bool, key: str, payment_method: str | None = None
    ) -> ProviderInvoice:
        """Charge it now: the only call that takes money. `payment_method` None: its default."""

    def void_invoice(self, invoice_id: str, *, key: str) -> ProviderInvoice:
        """Take an issued invoice back for good."""

    def write_off_invoice(self, invoice_id: str, *, key: str) -> ProviderInvoice:
        """Mark an invoice as uncollectible."""

    def refund(self, draft: RefundDraft, *, key: str) -> ProviderRefund:
        """Give money back: the only call that does."""

    def fetch_money_back(self, invoice_id: str) -> MoneyBack:
        """Fetch all refunds and disputes of an invoice's payments."""

    def find_invoice_of(self, payment_id: str) -> str | None:
        """Tell which invoice a payment is for; None where it is for none."""

    def advance_draft(self, invoice_id: str, *, key: str) -> None:
        """Let the provider finalise and charge the draft by itself; twice is harmless."""

    def fetch_invoice(self, invoice_id: str) -> ProviderInvoice:
        """Fetch an invoice together with its payment."""

    def fetch_draft(self, invoice_id: str) -> ProviderInvoice:
        """Fetch an invoice as `fetch_invoice`, and in `raw` its lines' prices in full."""

    def find_document_url(self, invoice_id: str) -> str | None:
        """Fetch a fresh link to the invoice as a document; None while there is none."""

    def find_client_secret(self, payment_id: str) -> str | None:
        """Fetch what lets a browser confirm a payment. Not to be stored or logged."""

    def find_invoices(
        self, *, customer: str, reference: str, created_after: int
    ) -> list[ProviderInvoice]:
        """Look up what was made for our invoice `reference`, when a key may have expired."""

    def delete_draft(self, invoice_id: str) -> None:
        """Delete a draft; one that is gone is no error."""
