"""Subscriptions at a payment provider: state, items and drafts."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from domain.catalogue.pricing import Charge
from domain.core.calendar import Interval

SubscriptionState = Literal[
    "incomplete", "trialing", "active", "past_due", "unpaid", "paused", "canceled", "expired"
]


@dataclass(frozen=True, kw_only=True)
class PriceTier:
    """A tier of a price, up to a quantity (None: without an end); amounts in exact minor units."""

    up_to: int | None
    flat_minor: Decimal
    unit_minor: Decimal


@dataclass(frozen=True, kw_only=True)
class Discount:
    """A percentage off, or a fixed amount off each period; neither where it is unknown."""

    percent: Decimal | None = None
    amount_minor: int | None = None


@dataclass(frozen=True, kw_only=True)
class SubscriptionItem:
    """An item of a subscription, in the subscription's currency.

    `amount_minor` is for one unit and one period; None where it has a fraction, which `unit_minor`
    has, where tiers decide, or where it is unknown. `is_usage_based`: billed by what was used, so
    that no amount is agreed. `package`: the quantity is billed in packages of so many units.
    `discounts`: off this item alone, before those of the subscription.
    """

    id: str
    price: str
    name: str | None
    quantity: int | None
    amount_minor: int | None
    currency: str
    interval: Interval
    interval_count: int
    inclusive_tax_ppm: int = 0
    unit_minor: Decimal | None = None
    tiers: tuple[PriceTier, ...] = ()
    tiers_mode: Literal["graduated", "volume"] = "graduated"
    is_usage_based: bool = False
    package: int = 1
    rounds_up: bool = False
    discounts: tuple[Discount, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ScheduledPhase:
    """Items of a subscription from `starts_at` on. `items`: (price, quantity), None for usage."""

    starts_at: int
    items: tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, kw_only=True)
class ProviderSubscription:
    """A provider's subscription at one moment, as ProviderInvoice is an invoice.

    `cancel_at`: when it will end, if it will. `scheduled_phases`: what a schedule that is not ours
    changes later; `scheduled_change`: what our own changes next. `latest_invoice`: the provider's
    id of its newest.
    `is_incomplete`: it has items, discounts or amounts that the snapshot does not list, as in
    webhooks. `changed_at`: the time of the provider's event that it was fetched for.
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
    discounts: tuple[Discount, ...] = ()
    scheduled_phases: tuple[ScheduledPhase, ...] = ()
    scheduled_change: ScheduledPhase | None = None
    is_incomplete: bool = False
    latest_invoice: str | None = None
    changed_at: int | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""


@dataclass(frozen=True, kw_only=True)
class SubscriptionDraft:
    """Input of the call that starts a subscription. `items`: (price, quantity).

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
class MandateSubscriptionDraft:
    """Input of the call that charges `charge` each interval from `starts_on` (a date).

    `description`: the customer has no other living subscription of the same.
    """

    customer: str
    mandate: str
    charge: Charge
    starts_on: str
    description: str
    webhook_url: str | None
    metadata: dict[str, str]
