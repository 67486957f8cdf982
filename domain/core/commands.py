"""Commands of callers and operators: frozen and already validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from domain.gateway.objects import Interval

Provider = Literal["stripe", "mollie"]
Mode = Literal["live", "test"]
KeyKind = Literal["read", "write", "admin"]


@dataclass(frozen=True, kw_only=True)
class RequestInvoice:
    """Request an invoice (seed 002).

    `lines`: 1..250 of {name, quantity, price, amount_minor, currency}; price or amount is None.
    A draft's lines may leave the currency to the provider. `customer`: the provider's, where the
    request names one instead of a tenant. `charge_immediately`: charge now or refuse; a payment
    method must exist, and the caller is shown the payment itself.
    """

    invoice_id: UUID
    app_id: UUID
    tenant_id: UUID | None
    provider: Provider
    connection: str
    connection_id: UUID
    mode: Mode
    dialect: str
    type: Literal["payment", "subscription"]
    lines: list[dict[str, Any]]
    tax_rate_id: str | None = None
    payment_method: str | None = None
    user_id: str | None = None
    footer: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    redirect_url: str | None = None
    expected_total_minor: int | None = None
    off_session: bool = True
    flow: Literal["charge", "draft", "include_pending_items"] = "charge"
    charge_immediately: bool = False
    customer: str | None = None
    request_hash: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class InvoiceCommand:
    """Shared fields of commands on an existing invoice; `request_id` identifies the request."""

    invoice_id: UUID
    request_id: UUID
    request_hash: str | None
    actor: str


@dataclass(frozen=True, kw_only=True)
class RequestRetry(InvoiceCommand):
    """Request another attempt to charge, by default with the customer's default method."""

    payment_method: str | None = None


@dataclass(frozen=True, kw_only=True)
class RequestVoid(InvoiceCommand):
    """Request to void an invoice; a draft is deleted."""


@dataclass(frozen=True, kw_only=True)
class RequestFinalize(InvoiceCommand):
    """Request to finalize a draft."""


@dataclass(frozen=True, kw_only=True)
class RequestUncollectible(InvoiceCommand):
    """Request to mark an invoice uncollectible."""


@dataclass(frozen=True, kw_only=True)
class RequestRefund(InvoiceCommand):
    """Request a refund; `request_id` is the refund's id.

    `amount_minor` None: all that is left. `reason`: duplicate, fraudulent, requested_by_customer.
    """

    amount_minor: int | None = None
    reason: str | None = None
    credit_note: bool = True


@dataclass(frozen=True, kw_only=True)
class ImportInvoice:
    """Import an invoice that the provider created."""

    app_id: UUID
    tenant_id: UUID | None
    provider: Provider
    connection: str
    connection_id: UUID
    mode: Mode
    origin: Literal["renewal", "provider", "import"]
    actor: str


@dataclass(frozen=True, kw_only=True)
class StartSubscription:
    """Import a subscription that the provider created; `invoice_id`: the request it came from."""

    app_id: UUID
    tenant_id: UUID | None
    user_id: str | None = None
    provider: Provider
    connection: str
    connection_id: UUID
    mode: Mode
    origin: Literal["request", "provider", "import"]
    invoice_id: UUID | None = None
    actor: str


@dataclass(frozen=True, kw_only=True)
class SubscriptionCommand:
    """Shared fields of commands on a subscription; `request_id` identifies the request."""

    subscription_id: UUID
    request_id: UUID
    request_hash: str | None
    at_period_end: bool
    actor: str


@dataclass(frozen=True, kw_only=True)
class CancelSubscription(SubscriptionCommand):
    """Request to cancel a subscription."""


@dataclass(frozen=True, kw_only=True)
class ChangeSubscription(SubscriptionCommand):
    """Request other items; `lines`: 1..20 of {price, quantity}."""

    lines: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class RequestSetup:
    """Request a page where a tenant's customer leaves a payment method.

    `redirect_url`: where the customer goes from there.
    """

    setup_id: UUID
    app_id: UUID
    tenant_id: UUID
    provider: Provider
    connection: str
    connection_id: UUID
    mode: Mode
    redirect_url: str
    request_hash: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class CreateApp:
    """Make an app, the system whose tenants are billed."""

    app_id: UUID
    name: str
    slug: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class ChangeApp:
    """Change what is given; None leaves it.

    `default_connections`: the slots named in it change, a slot with None is emptied.
    `settings`: new values by their names in AppSettings, or `slug`.
    """

    app_id: UUID
    name: str | None = None
    enabled: bool | None = None
    default_connections: Mapping[str, str | None] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    actor: str


@dataclass(frozen=True, kw_only=True)
class EnableTokens:
    """Give an app what signing tokens takes, where it has none of its own.

    `secret`: {kid, sealed, until} as in AppSettings.
    """

    app_id: UUID
    issuer: str
    audience: str
    secret: Mapping[str, Any]
    actor: str


@dataclass(frozen=True, kw_only=True)
class CreateKey:
    """Give an app a key; only its SHA-256 is recorded."""

    app_id: UUID
    key_id: UUID
    kind: KeyKind
    key_sha256: str
    prefix: str
    name: str | None = None
    actor: str


@dataclass(frozen=True, kw_only=True)
class RevokeKey:
    """Revoke an API key."""

    app_id: UUID
    key_id: UUID
    actor: str


@dataclass(frozen=True, kw_only=True)
class RotateKey:
    """Put a new key, of the same kind, in the place of one that ends at `expires_at` (epoch s)."""

    app_id: UUID
    key_id: UUID
    new_key: CreateKey
    expires_at: int
    actor: str


@dataclass(frozen=True, kw_only=True)
class DeleteConnection:
    """Delete a connection; requests made before go on."""

    app_id: UUID
    name: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class SetTenant:
    """Create a tenant or replace its data.

    `person` is the hash of the body with name, e-mail, country and VAT id.
    `customers` maps a connection's name to the provider's customer id.
    """

    app_id: UUID
    tenant_id: UUID
    contact_body: str | None
    customers: dict[str, str]
    actor: str


@dataclass(frozen=True, kw_only=True)
class SetPrice:
    """Make or replace a catalogue price; without an interval it is paid once."""

    app_id: UUID
    price_id: str
    name: str | None
    currency: str
    amount_minor: int
    interval: Interval | None
    interval_count: int
    actor: str


@dataclass(frozen=True, kw_only=True)
class SetTaxRate:
    """Make or replace a tax rate; `rate_ppm` in millionths."""

    app_id: UUID
    tax_rate_id: str
    name: str | None
    rate_ppm: int
    inclusive: bool
    actor: str


@dataclass(frozen=True, kw_only=True)
class SetConnection:
    """Make or replace a connection. Secrets come sealed by the vault, never in clear.

    `refund_overpayments`: what is paid for an invoice a second time goes back by itself.
    """

    app_id: UUID
    name: str
    provider: Provider
    mode: Mode
    sealed_key: str
    sealed_webhook_secrets: list[str]
    redirect_url: str | None = None
    refund_overpayments: bool = False
    actor: str


@dataclass(frozen=True, kw_only=True)
class ReceiveProviderEvent:
    """Record a verified webhook delivery; `body` is the SHA-256 of the stored payload."""

    event_id: UUID
    app_id: UUID
    connection_id: UUID
    connection: str
    provider: Provider
    mode: Mode
    provider_event_id: str
    type: str
    object_type: str
    object_id: str
    invoice_id: UUID | None
    occurred_at: int
    body: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class ReceivePaymentHint:
    """Record an unverified hint that a payment may have changed."""

    app_id: UUID
    connection_id: UUID
    connection: str
    provider: Provider
    mode: Mode
    payment_id: str
    actor: str
