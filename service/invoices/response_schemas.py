"""Invoices as the canonical API shows them."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, SkipValidation

from service.openapi.common_schemas import (
    JsonObject,
    Minor,
    Mode,
    Moment,
    Position,
    Provider,
    ResponseModel,
    Status,
    optional_field,
)


class AskedLine(ResponseModel):
    """A line as it was asked for."""

    name: str | None
    quantity: Annotated[int | None, SkipValidation]  # as Stripe has it
    price: str | None
    amount_minor: Minor | None
    currency: str | None


class Line(AskedLine):
    """A line as the provider has it."""

    id: str | None
    total_minor: Minor | None


class NextAction(ResponseModel):
    """What the customer has to do, and where."""

    type: str
    url: str | None


class Failure(ResponseModel):
    """Why it was not paid."""

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
    """Money that goes back."""

    id: str | None
    """Ours where it was asked for here, else the provider's."""
    status: Literal["requested", "pending", "succeeded", "failed"]
    amount_minor: Minor
    reason: str | None
    credit_note: bool | None
    at: Moment
    """When we last heard of it."""
    provider_refund_id: str | None
    refunded_at: Moment | None
    code: str | None
    """Why it failed."""
    message: str | None


class Dispute(ResponseModel):
    """Money that the customer's bank took back, for now or for good."""

    id: str
    status: Literal["open", "won", "lost"]
    amount_minor: Minor
    at: Moment


class Invoice(ResponseModel):
    """What a tenant owes, whatever the provider calls it."""

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
    amount_refunded_minor: Minor
    amount_disputed_minor: Minor
    amount_overpaid_minor: Minor
    dispute_status: str | None
    tax_minor: Minor | None
    line_items: list[AskedLine]
    customer: str | None
    subscription_id: str | None
    period_start: Moment | None
    period_end: Moment | None
    due_at: Moment | None
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


class AskedInvoice(Invoice):
    """An invoice as its POST answers it."""

    provider_response: JsonObject | None
    """What the provider said, secrets cut."""


class SingleInvoice(AskedInvoice):
    """An invoice with all that is known of it."""

    lines: list[Line]
    payments: list[Payment]
    refunds: list[Refund]
    disputes: list[Dispute]


class RefundedInvoice(AskedInvoice):
    """An invoice of which something is given back."""

    refund_id: UUID
    """Which of `refunds` this is about."""
    refunds: list[Refund]


class AskedInvoices(ResponseModel):
    """The invoice that was asked for."""

    kind: Literal["invoices"]
    total_items: Literal[1]
    items_length: Literal[1]
    items: Annotated[list[AskedInvoice], Field(min_length=1, max_length=1)]


class RefundedInvoices(ResponseModel):
    """The invoice of which something is given back."""

    kind: Literal["invoices"]
    total_items: Literal[1]
    items_length: Literal[1]
    items: Annotated[list[RefundedInvoice], Field(min_length=1, max_length=1)]


class SingleInvoices(ResponseModel):
    """One invoice."""

    kind: Literal["invoices"]
    total_items: Literal[1]
    items_length: Literal[1]
    items: Annotated[list[SingleInvoice], Field(min_length=1, max_length=1)]


class InvoicePage(ResponseModel):
    """A page of a list."""

    kind: Literal["invoices"]
    total_items: Annotated[int, Field(ge=0)]
    total_items_is_exact: bool
    """Totals are exact up to 10,000."""
    items_length: Annotated[int, Field(ge=0, le=100)]
    items: Annotated[list[Invoice], Field(max_length=100)]
    next_cursor: str | None
    """Pass it as `cursor` for the next page; null on the last."""


class TimelineEvent(ResponseModel):
    """Something that happened."""

    position: Position
    type: str
    at: Moment
    by: str | None
    """Who: a key, a token, the worker, a webhook, the operator or the reconciliation."""
    data: JsonObject


class Timeline(ResponseModel):
    """What happened, in the order of the log."""

    kind: Literal["events"]
    items: list[TimelineEvent]
