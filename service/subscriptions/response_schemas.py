"""Response models of subscriptions."""

from typing import Annotated, Literal
from uuid import UUID

from domain.subscriptions.view import STATUSES
from service.http.response_model import (
    ListPage,
    Minor,
    Mode,
    Moment,
    Position,
    Provider,
    ResponseModel,
    SingleItem,
)
from service.http.validation import SchemaKeywords

SubscriptionStatus = Annotated[str, SchemaKeywords({"enum": list(STATUSES)})]


class SubscribedLine(ResponseModel):
    """A line of a subscription; `amountMinor` is for one unit and one period."""

    name: str | None
    quantity: int | None
    """Null for usage-based lines."""
    price: str
    amount_minor: Minor | None
    """Null if the amount is no whole minor unit, is tiered, or is unknown."""
    amount_decimal: str | None
    """The exact amount where it has a fraction of a minor unit."""
    usage_based: bool
    currency: str
    interval: Literal["day", "week", "month", "year"]
    interval_count: int


class ScheduledLine(ResponseModel):
    """A line of a scheduled change."""

    price: str
    quantity: int


class ScheduledChange(ResponseModel):
    """A change scheduled for the next period."""

    line_items: list[ScheduledLine]
    at: Moment | None


class PhaseLine(ResponseModel):
    """A line of a later phase."""

    price: str
    quantity: int | None
    """Null where it is billed by usage."""


class ScheduledPhase(ResponseModel):
    """Lines from a later time on, by a schedule made at the provider."""

    line_items: list[PhaseLine]
    starts_at: Moment | None


class Refused(ResponseModel):
    """The reason why the last requested action failed."""

    code: str
    message: str
    path: str | None
    provider_code: str | None


class Subscription(ResponseModel):
    """A subscription."""

    id: UUID
    tenant_uuid: UUID | None
    """Null while the customer has no tenant."""
    user_id: str | None
    provider: Provider
    connection: str
    mode: Mode
    origin: Literal["request", "provider", "import"]
    status: SubscriptionStatus
    provider_subscription_id: str | None
    customer: str | None
    invoice_id: UUID | None
    """The invoice that requested the subscription."""
    currency: str | None
    line_items: list[SubscribedLine]
    monthly_minor: Minor | None
    """Monthly amount, net of tax and discounts, without lines billed by usage; null if the
    amount of a line is unknown."""
    period_start: Moment | None
    period_end: Moment | None
    trial_end: Moment | None
    cancel_at: Moment | None
    canceled_at: Moment | None
    ended_at: Moment | None
    scheduled_change: ScheduledChange | None
    scheduled_phases: list[ScheduledPhase]
    """Later changes by a schedule that was made at the provider."""
    failure: Refused | None
    metadata: dict[str, str]
    description: str | None
    created_at: Moment
    updated_at: Moment
    position: Position


class SingleSubscriptions(SingleItem[Subscription]):
    """A single subscription."""

    kind: Literal["subscriptions"]


class SubscriptionPage(ListPage[Subscription]):
    """A page of a list."""

    kind: Literal["subscriptions"]
