"""Commands on invoices: frozen and already validated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from domain.core.providers import Mode, Provider


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
class RequestCapture(InvoiceCommand):
    """Request to capture an authorized payment. `amount_minor` None: all that is held."""

    amount_minor: int | None = None


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
    revision_of: UUID | None = None
