"""Response models of invoices."""

from typing import Literal
from uuid import UUID

from service.http.response_model import (
    JsonObject,
    ListPage,
    Minor,
    Mode,
    Moment,
    Position,
    Provider,
    ResponseModel,
    SingleItem,
    Status,
    optional_field,
)


class RequestedLine(ResponseModel):
    """A line of the request."""

    name: str | None
    quantity: int | None
    price: str | None
    amount_minor: Minor | None
    currency: str | None


class Line(RequestedLine):
    """A line of the provider's invoice."""

    id: str | None
    total_minor: Minor | None


class NextAction(ResponseModel):
    """An action that the customer has to take, and its URL."""

    type: str
    url: str | None


class Failure(ResponseModel):
    """The reason of a failed payment or request."""

    code: str | None
    decline_code: str | None
    message: str | None


class Payment(ResponseModel):
    """An attempt to pay."""

    id: str | None
    at: Moment
    status: Status
    amount_minor: Minor = optional_field()
    method: str | None = optional_field()
    failure: Failure = optional_field()


class Refund(ResponseModel):
    """A refund."""

    id: str | None
    """Our id if it was requested here, else the provider's."""
    status: Literal["requested", "pending", "succeeded", "failed"]
    amount_minor: Minor
    reason: str | None
    credit_note: bool | None
    at: Moment
    """Time of the last update."""
    provider_refund_id: str | None
    refunded_at: Moment | None
    code: str | None
    """The reason of the failure, or of a missing credit note."""
    message: str | None
    payment_id: str | None
    """The payment that it is taken from, where the invoice has several."""
    part_of: str | None
    """The refund whose request this is another part of."""


class CreditNote(ResponseModel):
    """A credit note of the provider."""

    id: str
    number: str | None
    status: Literal["issued", "void"]
    amount_minor: Minor
    credited_minor: Minor
    """Amount returned other than by a refund: as customer credit, or out of band."""
    refund_id: str | None
    """The refund of the credit note."""
    at: Moment


class Dispute(ResponseModel):
    """A dispute (chargeback)."""

    id: str
    status: Literal["open", "won", "lost"]
    amount_minor: Minor
    at: Moment


class Invoice(ResponseModel):
    """An invoice: an invoice at Stripe, a payment at Mollie."""

    id: UUID
    tenant_uuid: UUID | None
    user_id: str | None
    provider: Provider
    connection: str
    mode: Mode
    status: Status
    type: Literal["payment", "subscription"]
    origin: Literal["request", "renewal", "provider", "import"]
    number: str | None
    currency: str | None
    total_minor: Minor | None
    amount_paid_minor: Minor
    amount_due_minor: Minor | None
    """Remaining amount at the provider; null before the invoice exists there."""
    amount_capturable_minor: Minor
    """Amount of an authorized payment that can be captured, until `captureBefore`."""
    amount_refunded_minor: Minor
    amount_disputed_minor: Minor
    amount_overpaid_minor: Minor
    dispute_status: str | None
    tax_minor: Minor | None
    line_items: list[RequestedLine]
    customer: str | None
    revision_of: UUID | None
    """The invoice that this one replaces."""
    revised_by: UUID | None
    """The invoice that replaces this one."""
    subscription_id: str | None
    period_start: Moment | None
    period_end: Moment | None
    due_at: Moment | None
    capture_before: Moment | None
    description: str | None
    footer: str | None
    metadata: dict[str, str]
    attempt: int
    provider_object_type: str | None
    provider_object_id: str | None
    next_action: NextAction | None
    document_url: str | None
    failure: Failure | None
    created_at: Moment
    updated_at: Moment
    paid_at: Moment | None
    position: Position


class RequestedInvoice(Invoice):
    """An invoice as its POST returns it."""

    provider_response: JsonObject | None
    """The provider's message, without secrets."""


class SingleInvoice(RequestedInvoice):
    """An invoice with all its details."""

    lines: list[Line]
    payments: list[Payment]
    refunds: list[Refund]
    disputes: list[Dispute]
    credit_notes: list[CreditNote]


class RefundedInvoice(RequestedInvoice):
    """An invoice with a requested refund."""

    refund_id: UUID
    """The id of the refund in `refunds`."""
    refunds: list[Refund]


class RequestedInvoices(SingleItem[RequestedInvoice]):
    """The requested invoice."""

    kind: Literal["invoices"]


class RefundedInvoices(SingleItem[RefundedInvoice]):
    """The invoice with its requested refund."""

    kind: Literal["invoices"]


class SingleInvoices(SingleItem[SingleInvoice]):
    """A single invoice."""

    kind: Literal["invoices"]


class InvoicePage(ListPage[Invoice]):
    """A page of a list."""

    kind: Literal["invoices"]


class TimelineEvent(ResponseModel):
    """An event."""

    position: Position
    type: str
    at: Moment
    by: str | None
    """The actor: a key, a token, the worker, a webhook, the operator or reconciliation."""
    data: JsonObject


class Timeline(ResponseModel):
    """Events of a stream, in the order of the log."""

    kind: Literal["events"]
    items: list[TimelineEvent]
