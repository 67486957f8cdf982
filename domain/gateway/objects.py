"""What we say to a payment provider and hear from it, in our own words; the verbs are the port's.

Errors, and what they oblige the caller to do:

GatewayError
├── GatewayUnavailable    outcome unknown or not now: try again under the same key
├── GatewayRejected       final: record it
└── GatewayMisconfigured  an operator must act (credentials, permissions)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from domain.catalogue.pricing import Charge

PaymentState = Literal["requires_action", "processing", "succeeded", "failed", "canceled", "open"]
InvoiceState = Literal[
    "draft", "open", "paid", "void", "uncollectible", "deleted", "canceled", "expired"
]
RefundState = Literal["pending", "succeeded", "failed"]
DisputeState = Literal["open", "won", "lost"]
InvoiceReason = Literal["manual", "first", "renewal", "change"]
SubscriptionState = Literal[
    "incomplete", "trialing", "active", "past_due", "unpaid", "paused", "canceled", "expired"
]
MandateState = Literal["pending", "valid", "invalid"]
Interval = Literal["day", "week", "month", "year"]


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
    Where the provider has no invoices (`object_type` payment), a payment stands for one: it can be
    canceled or expire, and another one may be made for the same invoice of ours.
    `reason`: why the provider has it; only a subscription's `first` one can be what we asked for.
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
    attempt_count: int
    hosted_url: str | None
    due_at: int | None
    period_start: int | None
    period_end: int | None
    paid_at: int | None
    amount_overpaid_minor: int = 0
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
class SubscriptionItem:
    """What is subscribed to. `amount_minor` is for one unit and one period."""

    id: str
    price: str
    name: str | None
    quantity: int
    amount_minor: int
    currency: str
    interval: Interval
    interval_count: int
    inclusive_tax_ppm: int = 0


@dataclass(frozen=True, kw_only=True)
class ProviderSubscription:
    """A provider's subscription at one moment, as ProviderInvoice is an invoice.

    `cancel_at`: when it will end, if it will. `latest_invoice`: the provider's id of its newest.
    `discounts_incomplete`: it has discounts that this word does not spell out, as in webhooks.
    """

    id: str
    state: SubscriptionState
    as_of: int
    livemode: bool
    customer: str | None
    currency: str | None
    items: tuple[SubscriptionItem, ...]
    started_at: int
    period_start: int | None
    period_end: int | None
    trial_end: int | None
    cancel_at: int | None
    canceled_at: int | None
    ended_at: int | None
    percent_off_ppm: int = 0
    amount_off_minor: int = 0
    discounts_incomplete: bool = False
    latest_invoice: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""


@dataclass(frozen=True, kw_only=True)
class SubscriptionDraft:
    """What the provider needs to start a subscription. `items`: (price, quantity).

    `charge` False: there is nothing to charge with, so the first invoice is left open.
    """

    customer: str
    items: tuple[tuple[str, int], ...]
    tax_rate_id: str | None
    payment_method: str | None
    charge: bool
    off_session: bool
    footer: str | None
    description: str | None
    metadata: dict[str, str]


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
    include_pending_items: bool = False
    tax_rate_id: str | None
    payment_method: str | None
    footer: str | None
    description: str | None
    metadata: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class PaymentDraft:
    """What the provider needs to make a payment that stands for an invoice; the same always.

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
    """What lets the provider charge a customer who is not there."""

    id: str
    state: MandateState
    method: str | None = None


@dataclass(frozen=True, kw_only=True)
class MandateSubscriptionDraft:
    """What the provider needs to charge `charge` each interval from `starts_on` (a date) on.

    `description`: the customer has no other living subscription of the same.
    """

    customer: str
    mandate: str
    charge: Charge
    starts_on: str
    description: str
    webhook_url: str | None
    metadata: dict[str, str]


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
class ProviderDispute:
    """A dispute (chargeback) as the provider has it; a mere inquiry is none."""

    id: str
    state: DisputeState
    amount_minor: int
    disputed_at: int


@dataclass(frozen=True, kw_only=True)
class RefundsAndDisputes:
    """All that went back on one invoice, or is on its way."""

    refunds: tuple[ProviderRefund, ...] = ()
    disputes: tuple[ProviderDispute, ...] = ()


# What we say and hear of pages on which a customer leaves a payment method, in our own words.

SessionState = Literal["open", "complete", "expired"]


@dataclass(frozen=True, kw_only=True)
class SetupDraft:
    """What the provider needs to open a page; the same draft always, so that keys agree.

    `webhook_url`: where news of it go, for a provider that is told with each page.
    """

    customer: str
    return_url: str
    metadata: dict[str, str]
    webhook_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProviderMethod:
    """A payment method as people know it; `brand` and `last4` where it has such."""

    id: str
    type: str
    brand: str | None = None
    last4: str | None = None


@dataclass(frozen=True, kw_only=True)
class SetupSession:
    """A page at one moment. `url` is there while it is open, `method` once one was left and asked.

    Whoever has `url` can leave a method for this customer: it goes into no log.
    """

    id: str
    state: SessionState
    customer: str
    expires_at: int
    livemode: bool
    url: str = field(default="", repr=False)
    method: ProviderMethod | None = None
    metadata: dict[str, str] = field(default_factory=dict)
