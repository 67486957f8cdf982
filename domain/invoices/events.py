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
    """An invoice was requested; nothing has been sent to a provider.

    `flow`: `charge` it now, create a `draft` that the provider finalises and charges by itself,
    or `include_pending_items` for a draft of the customer's pending items. `charge_immediately`:
    charged now or refused. `customer`: the provider's, for a request without a tenant.
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
    """An invoice created at the provider was imported; `origin`: renewal, provider or import.

    `revision_of`: our invoice that it replaces.
    """

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
    revision_of: UUID | None = None


class InvoiceRevised(InvoiceEvent):
    """The provider has another invoice that replaces this one: our invoice `revised_by`."""

    TOPIC: ClassVar[str] = "invoice.revised"
    revised_by: UUID
    provider_object_id: str
    source: str


class InvoiceAssigned(InvoiceEvent):
    """The invoice was assigned to the tenant of its customer."""

    TOPIC: ClassVar[str] = "invoice.assigned"
    tenant_id: UUID


class StepStarted(InvoiceEvent):
    """A step is about to call the provider with the idempotency key `key` for the first time.

    `plan` holds the data that was fetched for the call, so that every repeat sends the same.
    """

    TOPIC: ClassVar[str] = "invoice.step_started"
    step: str
    attempt: int
    key: str
    plan: dict[str, str]


class ProviderInvoiceCreated(InvoiceEvent):
    """The provider created the object of this invoice; only this object is ever charged."""

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
    """The draft is complete; only a requested action changes it."""

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
    """The request was rejected; nothing chargeable exists. `path`: the invalid field, if any."""

    TOPIC: ClassVar[str] = "invoice.rejected"
    code: str
    message: str
    path: str | None
    provider_code: str | None


class CheckoutOpened(InvoiceEvent):
    """The customer can pay at `url`; a payment opened before for the same invoice no longer counts.

    `dashboard_url`: the payment's page in the provider's dashboard.
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
    """The first payment of a subscription was made; the subscription must be started.

    `our_subscription_id`: the id of its stream.
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
    """The provider created the subscription whose first invoice this is."""

    TOPIC: ClassVar[str] = "invoice.subscription_created"
    subscription_id: str


class ProviderStateConfirmed(InvoiceEvent):
    """A newer provider state equals the recorded one; `provider_type`: the type of its event."""

    TOPIC: ClassVar[str] = "invoice.provider_state_confirmed"
    source: str
    provider_type: str | None
    as_of: int


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


class StepResent(InvoiceEvent):
    """An operator resent a step that had given up."""

    TOPIC: ClassVar[str] = "invoice.step_resent"
    step: str


class StepGaveUp(InvoiceEvent):
    """A step failed at every try; an operator must check and can resend it."""

    TOPIC: ClassVar[str] = "invoice.step_gave_up"
    step: str
    attempts: int
    last_error: str
