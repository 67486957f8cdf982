"""The events of an invoice. A released event is never edited: add a field with an upcaster.

Amounts are integers in the currency's minor unit; `as_of` and other provider times are Unix
seconds by the provider's clock; `body` is the SHA-256 of the provider's object in the body store.
"""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.core.aggregate import DomainEvent


class InvoiceEvent(DomainEvent):
    """Base class of an invoice's events."""


class InvoiceRequested(InvoiceEvent, Aggregate.Created):
    """A caller asked for an invoice; nothing has been sent to a provider.

    `flow` says how far to take it: `charge` it now, leave a `draft` that the provider finalises
    and charges by itself, or `gather` the customer's pending items into a draft. `on_the_spot`:
    charged now or refused. `customer` is the provider's, where no tenant says who pays.
    """

    TOPIC: ClassVar[str] = "invoice.requested"
    app_id: UUID
    tenant_id: UUID | None
    provider: str
    connection: str
    connection_id: UUID
    mode: str
    dialect: str
    type: str
    lines: list[dict[str, Any]]
    tax_rate_id: str | None
    payment_method: str | None
    user_id: str | None
    footer: str | None
    description: str | None
    metadata: dict[str, str]
    redirect_url: str | None
    expected_total_minor: int | None
    off_session: bool
    request_hash: str
    flow: str = "charge"
    charge_immediately: bool = False
    customer: str | None = None


class InvoiceImported(InvoiceEvent, Aggregate.Created):
    """The provider made this invoice by itself: a renewal, its dashboard, or before our time."""

    TOPIC: ClassVar[str] = "invoice.imported"
    app_id: UUID
    tenant_id: UUID | None
    provider: str
    connection: str
    connection_id: UUID
    mode: str
    type: str
    origin: str
    provider_object_type: str
    provider_object_id: str
    customer: str | None
    currency: str
    subscription_id: str | None
    created_at: int | None = None
    description: str | None = None
    footer: str | None = None
    metadata: dict[str, str] | None = None


class InvoiceAssigned(InvoiceEvent):
    """Its customer turned out to be this tenant."""

    TOPIC: ClassVar[str] = "invoice.assigned"
    tenant_id: UUID


class StepStarted(InvoiceEvent):
    """A step is about to call the provider under `key` for the first time.

    `plan` holds what was looked up for the call, so that every repeat sends the same again.
    """

    TOPIC: ClassVar[str] = "invoice.step_started"
    step: str
    attempt: int
    key: str
    plan: dict[str, str]


class ProviderInvoiceCreated(InvoiceEvent):
    """The provider made the object that this invoice is; the only one ever to be charged."""

    TOPIC: ClassVar[str] = "invoice.provider_invoice_created"
    provider_object_type: str
    provider_object_id: str
    customer: str
    subscription_id: str | None = None


class InvoiceIssued(InvoiceEvent):
    """The provider numbered the invoice. `charging`: an attempt to charge it follows."""

    TOPIC: ClassVar[str] = "invoice.issued"
    provider_object_type: str
    provider_object_id: str
    customer: str | None
    number: str | None
    currency: str
    total_minor: int
    tax_minor: int
    lines: list[dict[str, Any]]
    hosted_url: str | None
    due_at: int | None
    period_start: int | None
    period_end: int | None
    charging: bool
    source: str
    as_of: int
    progress: list[int]
    body: str | None
    issued_at: int | None = None
    subscription_id: str | None = None
    amount_due_minor: int | None = None


class InvoiceDrafted(InvoiceEvent):
    """A draft stands complete; nothing more is done with it unless somebody asks."""

    TOPIC: ClassVar[str] = "invoice.drafted"
    provider_object_type: str
    provider_object_id: str
    customer: str | None
    currency: str
    total_minor: int
    tax_minor: int
    lines: list[dict[str, Any]]
    source: str
    as_of: int
    progress: list[int]
    body: str | None
    amount_due_minor: int | None = None


class InvoiceRejected(InvoiceEvent):
    """Refused for good; nothing chargeable exists. `path` names the field at fault, if one is."""

    TOPIC: ClassVar[str] = "invoice.rejected"
    code: str
    message: str
    path: str | None
    provider_code: str | None


class CheckoutOpened(InvoiceEvent):
    """The customer can pay at `url`; a payment opened before for the same invoice no longer counts.

    `dashboard_url`: where whoever runs the shop sees it.
    """

    TOPIC: ClassVar[str] = "invoice.checkout_opened"
    provider_object_type: str
    provider_object_id: str
    url: str
    currency: str
    total_minor: int
    source: str
    as_of: int
    progress: list[int]
    body: str | None
    tax_minor: int | None = None
    lines: list[dict[str, Any]] | None = None
    customer: str | None = None
    dashboard_url: str | None = None
    amount_due_minor: int | None = None


class SubscriptionDue(InvoiceEvent):
    """Its payment was the first of a subscription, which is to be started now.

    `our_subscription_id`: our stream of it.
    """

    TOPIC: ClassVar[str] = "invoice.subscription_due"
    app_id: UUID
    our_subscription_id: UUID | None = None


class SubscriptionNotStarted(InvoiceEvent):
    """The first payment of a subscription ended unpaid: `our_subscription_id` never starts."""

    TOPIC: ClassVar[str] = "invoice.subscription_not_started"
    app_id: UUID
    our_subscription_id: UUID


class SubscriptionCreated(InvoiceEvent):
    """The provider made the subscription that this invoice was the first of."""

    TOPIC: ClassVar[str] = "invoice.subscription_created"
    subscription_id: str


class PaymentEvent(InvoiceEvent):
    """Shared fields of payment events. `payment_id`: the provider's payment object."""

    payment_id: str | None
    source: str
    as_of: int
    progress: list[int]
    body: str | None


class PaymentActionRequired(PaymentEvent):
    """The customer has to confirm at `url`."""

    TOPIC: ClassVar[str] = "invoice.payment_action_required"
    action: str
    url: str


class PaymentProcessing(PaymentEvent):
    """The method takes days; the provider will tell."""

    TOPIC: ClassVar[str] = "invoice.payment_processing"


class PaymentSucceeded(PaymentEvent):
    """The invoice is settled. `amount_minor` is what was paid towards it, by way of `object_id`."""

    TOPIC: ClassVar[str] = "invoice.payment_succeeded"
    amount_minor: int
    method: str | None
    paid_at: int
    object_id: str | None = None
    amount_due_minor: int | None = None


class PaymentFailed(PaymentEvent):
    """An attempt was refused; the invoice stays payable."""

    TOPIC: ClassVar[str] = "invoice.payment_failed"
    amount_minor: int
    code: str
    decline_code: str | None
    message: str


class PaymentExpired(PaymentEvent):
    """The invoice expired unpaid."""

    TOPIC: ClassVar[str] = "invoice.payment_expired"


class PaymentCanceled(PaymentEvent):
    """The payment, or the draft, was canceled before anything was paid."""

    TOPIC: ClassVar[str] = "invoice.payment_canceled"


class AmountDueChanged(InvoiceEvent):
    """Another amount remains to be paid: after a payment of a part, a credit note or a balance.

    `amount_paid_minor`: all that is paid by now. `paid_at`: when its newest part was.
    """

    TOPIC: ClassVar[str] = "invoice.amount_due_changed"
    amount_due_minor: int
    amount_paid_minor: int
    paid_at: int | None
    source: str
    as_of: int
    progress: list[int]
    body: str | None


class ProviderStateConfirmed(InvoiceEvent):
    """Something newer from the provider says what we knew; `provider_type` is its event's type."""

    TOPIC: ClassVar[str] = "invoice.provider_state_confirmed"
    source: str
    provider_type: str | None
    as_of: int


class RetryRequested(InvoiceEvent):
    """Someone asked for another attempt to charge."""

    TOPIC: ClassVar[str] = "invoice.retry_requested"
    payment_method: str | None
    request_hash: str | None
    request_id: UUID | None = None
    app_id: UUID | None = None


class VoidRequested(InvoiceEvent):
    """Someone asked to void the invoice."""

    TOPIC: ClassVar[str] = "invoice.void_requested"
    request_hash: str | None
    request_id: UUID | None = None
    app_id: UUID | None = None


class FinalizeRequested(InvoiceEvent):
    """Someone asked to finalise the draft."""

    TOPIC: ClassVar[str] = "invoice.finalize_requested"
    request_hash: str | None
    request_id: UUID | None = None
    app_id: UUID | None = None


class UncollectibleRequested(InvoiceEvent):
    """Someone asked to write the invoice off."""

    TOPIC: ClassVar[str] = "invoice.uncollectible_requested"
    request_hash: str | None
    request_id: UUID | None = None
    app_id: UUID | None = None


class RequestRefused(InvoiceEvent):
    """The provider refused what was asked of an invoice; nothing changed by it.

    `action`: retry, void, finalize or uncollectible.
    """

    TOPIC: ClassVar[str] = "invoice.request_refused"
    action: str
    request_id: UUID | None
    code: str
    message: str
    path: str | None
    provider_code: str | None


class InvoiceVoided(InvoiceEvent):
    """The invoice is void and can't be paid."""

    TOPIC: ClassVar[str] = "invoice.voided"
    source: str
    as_of: int
    progress: list[int]
    body: str | None


class MarkedUncollectible(InvoiceEvent):
    """The invoice is written off; a late payment is still possible."""

    TOPIC: ClassVar[str] = "invoice.marked_uncollectible"
    source: str
    as_of: int
    progress: list[int]
    body: str | None


class UnexpectedPayment(InvoiceEvent):
    """Another provider object that names this invoice was paid as well: somebody must look."""

    TOPIC: ClassVar[str] = "invoice.unexpected_payment"
    provider_object_id: str
    amount_minor: int
    currency: str
    source: str
    object_type: str | None = None
    app_id: UUID | None = None


class InvoiceOverpaid(InvoiceEvent):
    """More was paid towards the invoice than it asked for; `amount_minor` is all that is over."""

    TOPIC: ClassVar[str] = "invoice.overpaid"
    amount_minor: int
    currency: str
    source: str


class StepResent(InvoiceEvent):
    """An operator sent a step that gave up again."""

    TOPIC: ClassVar[str] = "invoice.step_resent"
    step: str


class StepGaveUp(InvoiceEvent):
    """A step used up its tries; an operator must look and can send it again."""

    TOPIC: ClassVar[str] = "invoice.step_gave_up"
    step: str
    attempts: int
    last_error: str


# Facts of an invoice for which several payments stand, of which only one may count.


class PaymentsLeftOver(InvoiceEvent):
    """One payment paid the invoice; the others, `object_ids`, must be cancelled."""

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
