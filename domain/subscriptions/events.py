"""The events of a subscription. A released event is never edited: add a field with a default.

Amounts are integers in the currency's minor unit; provider times are Unix seconds by the provider's
clock; `body` is the SHA-256 of the provider's object in the body store.
"""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.core.aggregate import DomainEvent


class SubscriptionEvent(DomainEvent):
    """Base class of a subscription's events."""


class SubscriptionStarted(SubscriptionEvent, Aggregate.Created):
    """The provider made a subscription: asked by us, by somebody there, or before our time.

    `origin`: request, provider, import. `invoice_id`: the request of ours that it came from.
    `provider_subscription_id` is empty where a first payment has to be made before there is one.
    """

    TOPIC: ClassVar[str] = "subscription.started"
    app_id: UUID
    tenant_id: UUID | None
    user_id: str | None
    provider: str
    connection: str
    connection_id: UUID
    mode: str
    origin: str
    provider_subscription_id: str
    customer: str | None
    invoice_id: UUID | None
    started_at: int
    description: str | None
    metadata: dict[str, str]


class SubscriptionStateEvent(SubscriptionEvent):
    """Fields that events about the provider's state share.

    `items`: {id, price, name, quantity, amount_minor, amount_decimal, currency, interval,
    interval_count, usage_based}. `monthly_minor`: what it brings in a month, net of tax and
    discounts; None where the amount of an item is unknown. `scheduled_phases`: {starts_at, items:
    [{price, quantity}]}, changes by a schedule that is not ours. `scheduled_change`: such a phase,
    which our own schedule has next. `changed_at`: when it changed, where that is known and before
    `as_of`.
    """

    source: str
    as_of: int
    body: str | None
    currency: str | None
    items: list[dict[str, Any]]
    monthly_minor: int | None
    period_start: int | None
    period_end: int | None
    trial_end: int | None
    cancel_at: int | None
    canceled_at: int | None
    ended_at: int | None
    scheduled_phases: list[dict[str, Any]]
    scheduled_change: dict[str, Any] | None = None
    changed_at: int | None = None


class SubscriptionIncomplete(SubscriptionStateEvent):
    """Its first invoice waits to be paid."""

    TOPIC: ClassVar[str] = "subscription.incomplete"


class SubscriptionTrialing(SubscriptionStateEvent):
    """Its trial runs; nothing is owed yet."""

    TOPIC: ClassVar[str] = "subscription.trialing"


class SubscriptionActivated(SubscriptionStateEvent):
    """The subscription is active and paid."""

    TOPIC: ClassVar[str] = "subscription.activated"


class SubscriptionPastDue(SubscriptionStateEvent):
    """A renewal was not paid; it is tried again."""

    TOPIC: ClassVar[str] = "subscription.past_due"


class SubscriptionUnpaid(SubscriptionStateEvent):
    """A renewal was never paid; the provider has stopped to try."""

    TOPIC: ClassVar[str] = "subscription.unpaid"


class SubscriptionPaused(SubscriptionStateEvent):
    """Billing is paused."""

    TOPIC: ClassVar[str] = "subscription.paused"


class SubscriptionCanceled(SubscriptionStateEvent):
    """The subscription ended."""

    TOPIC: ClassVar[str] = "subscription.canceled"


class SubscriptionExpired(SubscriptionStateEvent):
    """Its first invoice was not paid in time: it never began."""

    TOPIC: ClassVar[str] = "subscription.expired"


class SubscriptionRenewed(SubscriptionStateEvent):
    """A new period began."""

    TOPIC: ClassVar[str] = "subscription.renewed"


class SubscriptionPlanChanged(SubscriptionStateEvent):
    """Items or prices were changed."""

    TOPIC: ClassVar[str] = "subscription.plan_changed"


class SubscriptionEndChanged(SubscriptionStateEvent):
    """The planned end was set (`cancel_at`), moved or withdrawn (None), or a schedule changed."""

    TOPIC: ClassVar[str] = "subscription.end_changed"


class SubscriptionStateConfirmed(SubscriptionEvent):
    """Something newer from the provider says what we knew."""

    TOPIC: ClassVar[str] = "subscription.state_confirmed"
    source: str
    as_of: int


class SubscriptionAssigned(SubscriptionEvent):
    """Its customer turned out to be this tenant."""

    TOPIC: ClassVar[str] = "subscription.assigned"
    tenant_id: UUID


class SubscriptionCancelRequested(SubscriptionEvent):
    """Someone asked to end it, now or with its period."""

    TOPIC: ClassVar[str] = "subscription.cancel_requested"
    app_id: UUID
    request_id: UUID
    request_hash: str | None
    at_period_end: bool


class SubscriptionChangeRequested(SubscriptionEvent):
    """Someone asked for other items, now or from the next period. `lines`: {price, quantity}."""

    TOPIC: ClassVar[str] = "subscription.change_requested"
    app_id: UUID
    request_id: UUID
    request_hash: str | None
    lines: list[dict[str, Any]]
    at_period_end: bool


class SubscriptionTermsAgreed(SubscriptionEvent):
    """Items charged each period by the app's catalogue; the provider has their total alone.

    `terms`: {currency, interval, interval_count, rate_ppm, inclusive, lines}. `starts_at`: from
    then on; None: now.
    """

    TOPIC: ClassVar[str] = "subscription.terms_agreed"
    terms: dict[str, Any]
    starts_at: int | None


class SubscriptionLinked(SubscriptionEvent):
    """The provider made the subscription that a first payment was to begin."""

    TOPIC: ClassVar[str] = "subscription.linked"
    app_id: UUID
    provider_subscription_id: str
    mandate: str | None


class SubscriptionEndScheduled(SubscriptionEvent):
    """The provider charges nothing more; what is paid for lasts until `ends_at`."""

    TOPIC: ClassVar[str] = "subscription.end_scheduled"
    app_id: UUID
    ends_at: int


class SubscriptionStepStarted(SubscriptionEvent):
    """A step is about to call the provider under `key` for the first time."""

    TOPIC: ClassVar[str] = "subscription.step_started"
    step: str
    attempt: int
    key: str
    plan: dict[str, str]


class SubscriptionChangeScheduled(SubscriptionEvent):
    """From `starts_at` on it will have these items."""

    TOPIC: ClassVar[str] = "subscription.change_scheduled"
    lines: list[dict[str, Any]]
    starts_at: int | None


class SubscriptionRequestDone(SubscriptionEvent):
    """A requested action was carried out at the provider."""

    TOPIC: ClassVar[str] = "subscription.request_done"
    request_id: UUID
    action: str


class SubscriptionRequestRefused(SubscriptionEvent):
    """The provider refused what was asked; nothing changed by it."""

    TOPIC: ClassVar[str] = "subscription.request_refused"
    request_id: UUID
    action: str
    code: str
    message: str
    path: str | None
    provider_code: str | None


class SubscriptionStepGaveUp(SubscriptionEvent):
    """A step used up its tries; an operator must look and can send it again."""

    TOPIC: ClassVar[str] = "subscription.step_gave_up"
    step: str
    attempts: int
    last_error: str


class SubscriptionStepResent(SubscriptionEvent):
    """An operator sent a step that gave up again."""

    TOPIC: ClassVar[str] = "subscription.step_resent"
    step: str
