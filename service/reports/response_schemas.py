"""Response models of reports and of the event feed."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from domain.inbox.commands import FoundBy
from service.http.response_model import (
    Count,
    JsonObject,
    Minor,
    Mode,
    Moment,
    Position,
    Provider,
    ResponseModel,
)


class Change(ResponseModel):
    """An event of an invoice, a subscription or a tenant."""

    position: Position
    type: str
    at: Moment
    by: str | None
    invoice_uuid: UUID | None
    subscription_uuid: UUID | None
    tenant_uuid: UUID | None
    data: JsonObject


class Changes(ResponseModel):
    """Events of the app, in the order of the log."""

    kind: Literal["events"]
    items_length: Annotated[int, Field(ge=0, le=1000)]
    items: list[Change]
    position: Position
    """Pass it as `after` to continue."""


class PeriodSums(ResponseModel):
    """Collected, refunded and disputed amounts of a period, each at its own time."""

    collected_minor: Minor
    collected_count: int
    refunded_minor: Minor
    refunded_count: int
    disputed_minor: Minor
    """Open and lost disputes; won disputes are excluded."""
    disputed_count: int
    net_minor: Minor
    """Collected minus refunded and disputed amounts."""
    attempts: int
    """Completed attempts to charge: successful or failed."""
    failed_attempts: int
    failure_rate: Annotated[float | None, Field(ge=0, le=1)]
    """`failedAttempts` divided by `attempts`; null without attempts."""


class Sums(PeriodSums):
    """Collected, refunded, disputed and outstanding amounts of one currency and mode."""

    mode: Mode
    currency: str
    outstanding_minor: Minor
    outstanding_count: int
    overdue_minor: Minor
    overdue_count: int
    mrr_minor: Minor
    """Monthly amount of active and past due subscriptions, net of tax and discounts."""
    active_subscriptions: int
    """Number of these subscriptions; trials are not counted."""
    unpriced_subscriptions: int
    """Number of these with an unknown amount, which `mrrMinor` excludes."""
    usage_based_subscriptions: int
    """Number of these with usage-based items, which `mrrMinor` excludes."""


class Summary(ResponseModel):
    """Sums by mode and currency, never across them."""

    kind: Literal["summary"]
    total_items: int
    items_length: int
    items: list[Sums]
    from_: Annotated[Moment | None, Field(alias="from")]
    to: Moment | None
    timezone: str
    at: Moment
    """Time as of which amounts are outstanding or overdue."""


class Bucket(PeriodSums):
    """A day, week or month; the first and the last are cut where the period begins and ends."""

    period: Annotated[str, Field(examples=["2026-01-31", "2026-W05", "2026-01"])]
    """ISO 8601 name of the period."""
    start: Moment
    end: Moment
    """Exclusive."""


class Revenue(ResponseModel):
    """Collected, refunded and disputed amounts of one currency and mode."""

    mode: Mode
    currency: str
    buckets: Annotated[list[Bucket], Field(min_length=1, max_length=400)]
    """All buckets of the period, including empty ones."""
    totals: PeriodSums


class RevenueReport(ResponseModel):
    """Sums by mode and currency, never across them. All have the same buckets."""

    kind: Literal["revenue"]
    total_items: int
    items_length: int
    items: list[Revenue]
    """One item for each mode and currency in which the app has had an invoice."""
    from_: Annotated[Moment, Field(alias="from")]
    to: Moment
    interval: Literal["day", "week", "month"]
    timezone: str


class MrrMovement(ResponseModel):
    """Monthly recurring revenue at the start and end of a period, and what moved it.

    `startMrrMinor` plus the five amounts is `endMrrMinor`. Each `…Count` is a number of movements.
    """

    start_mrr_minor: Minor
    new_minor: Minor
    """First revenue of subscriptions."""
    new_count: Count
    expansion_minor: Minor
    """Increases: more items, or higher prices."""
    expansion_count: Count
    contraction_minor: Minor
    """Decreases; 0 or negative."""
    contraction_count: Count
    churn_minor: Minor
    """Revenue of subscriptions that ended, were paused, stayed unpaid or are free now;
    0 or negative."""
    churn_count: Count
    reactivation_minor: Minor
    """Revenue of subscriptions after they had churned."""
    reactivation_count: Count
    net_minor: Minor
    """`endMrrMinor` minus `startMrrMinor`."""
    end_mrr_minor: Minor


class MrrBucket(MrrMovement):
    """A day, week or month; the first and the last are cut where the period begins and ends."""

    period: Annotated[str, Field(examples=["2026-01-31", "2026-W05", "2026-01"])]
    """ISO 8601 name of the period."""
    start: Moment
    end: Moment
    """Exclusive."""


class MrrMovements(ResponseModel):
    """Movements of one currency and mode."""

    mode: Mode
    currency: str
    buckets: Annotated[list[MrrBucket], Field(min_length=1, max_length=400)]
    """All buckets of the period, including empty ones. Each starts with the end of the one
    before it."""
    totals: MrrMovement


class MrrMovementReport(ResponseModel):
    """Movements by mode and currency, never across them. All have the same buckets."""

    kind: Literal["mrr_movement"]
    total_items: int
    items_length: int
    items: list[MrrMovements]
    """One item for each mode and currency in which the app has had a subscription."""
    from_: Annotated[Moment, Field(alias="from")]
    to: Moment
    interval: Literal["day", "week", "month"]
    timezone: str


class Drift(ResponseModel):
    """A field of a provider's object that differed from what was known."""

    id: UUID
    connection: str
    provider: Provider
    mode: Mode
    object_type: Annotated[str, Field(examples=["invoice", "payment", "subscription"])]
    object_id: str
    """The provider's id of the object."""
    invoice_uuid: UUID | None
    """Our invoice; null where it is another object, or is not known here."""
    field: Annotated[str, Field(examples=["status", "amountPaidMinor", "refunds.re_1", "object"])]
    """The field as the API names it; `object`: the whole object was unknown, or not applied."""
    ours: str | None
    """The recorded value; null where there was none."""
    theirs: str | None
    """The value at the provider; null where there was none."""
    found_by: FoundBy
    state: Literal["open", "resolved"]
    reason: str | None
    """Why it could not be applied at once."""
    since: Moment | None
    """Time of the change by the provider's clock, where it is known."""
    detected_at: Moment
    resolved_at: Moment | None
    time_to_heal_ms: Annotated[int | None, Field(ge=0)]
    """From the change, or from its detection where its time is not known, until it was resolved."""
    position: Position


class DriftSums(ResponseModel):
    """Counts and times to heal of one connection, mode and cause."""

    connection: str
    mode: Mode
    found_by: FoundBy
    detected: Count
    unresolved: Count
    p50_time_to_heal_ms: Annotated[int | None, Field(ge=0)]
    p95_time_to_heal_ms: Annotated[int | None, Field(ge=0)]
    max_time_to_heal_ms: Annotated[int | None, Field(ge=0)]


class DriftReport(ResponseModel):
    """Differences that reconciliation found, newest first, and their sums over all pages."""

    kind: Literal["drift"]
    total_items: Count
    total_items_is_exact: bool
    items_length: Annotated[int, Field(ge=0, le=100)]
    items: list[Drift]
    next_cursor: str | None
    sums: list[DriftSums]
    from_: Annotated[Moment, Field(alias="from")]
    to: Moment
    timezone: str
