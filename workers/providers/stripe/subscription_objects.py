"""Read Stripe's subscriptions, from API answers and webhooks, into the port's objects."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from domain.core import metadata as metadata_keys
from domain.gateway.subscriptions import (
    Discount,
    PriceTier,
    ProviderSubscription,
    ScheduledPhase,
    SubscriptionItem,
    SubscriptionState,
)
from eventlog.security.safe_json import without_secrets
from workers.providers.bounded_fields import raw_json, read_as
from workers.providers.stripe.objects import Json
from workers.providers.stripe.subscription_schemas import (
    StripeAmounts,
    StripeDiscounts,
    StripePhase,
    StripeSchedule,
    StripeScheduleOf,
    StripeSubscription,
    StripeSubscriptionItem,
    StripeSubscriptionStatus,
    StripeTaxRate,
    StripeTier,
)

WITH_AMOUNTS: Final = [
    "discounts.source.coupon.currency_options",
    "items.data.price.tiers",
    "items.data.price.currency_options",
    "schedule",
]

# Stripe expands four levels: the discounts of items are too deep in a subscription.
ITEMS_WITH_AMOUNTS: Final = [
    "data.price.tiers",
    "data.price.currency_options",
    "data.discounts.source.coupon",
]

_MILLION: Final = 1_000_000
_STATES: Final[dict[StripeSubscriptionStatus, SubscriptionState]] = {
    "incomplete": "incomplete",
    "incomplete_expired": "expired",
    "trialing": "trialing",
    "active": "active",
    "past_due": "past_due",
    "unpaid": "unpaid",
    "paused": "paused",
    "canceled": "canceled",
}

_ENDED: Final = frozenset({"canceled", "expired"})


def to_subscription(data: Json, *, as_of: int) -> ProviderSubscription:
    """Read a subscription as it was at `as_of` (Unix seconds by Stripe's clock).

    Raises ProviderObjectUnreadable. Its periods are its items'; one whose collection is paused is
    shown as paused.
    """
    data = without_secrets(dict(data))
    read = read_as(StripeSubscription, data, kind="subscription")
    items, state = read.items.data, _STATES[read.status]
    schedule = read.schedule if isinstance(read.schedule, StripeSchedule) else None
    if state in _ENDED:
        schedule = None  # an ended subscription keeps it, but follows it no more
    paused = read.pause_collection is not None and state == "active"
    period_end = max((item.current_period_end for item in items), default=None)
    return ProviderSubscription(
        id=read.id,
        state="paused" if paused else state,
        as_of=as_of,
        livemode=read.livemode,
        customer=read.customer,
        currency=read.currency,
        items=tuple(_to_item(item, read) for item in items),
        started_at=read.created,
        period_start=max((item.current_period_start for item in items), default=None),
        period_end=period_end,
        trial_end=read.trial_end,
        cancel_at=period_end if read.cancel_at_period_end else _cancel_at(read, schedule),
        canceled_at=read.canceled_at,
        ended_at=read.ended_at,
        discounts=_discounts(read.discounts, currency=read.currency),
        scheduled_phases=() if schedule is None else _foreign_phases(schedule),
        scheduled_change=None if schedule is None else _own_phase(schedule),
        is_incomplete=_is_incomplete(read),
        latest_invoice=read.latest_invoice,
        description=read.description,
        metadata=read.metadata,
        raw=raw_json(data, kind="subscription"),
    )


def subscription_of_schedule(data: Json) -> str | None:
    """Read the subscription of a schedule: the present one, or the one that it released."""
    read = read_as(StripeScheduleOf, data, kind="subscription_schedule")
    return read.subscription or read.released_subscription


def _is_incomplete(subscription: StripeSubscription) -> bool:
    """Return whether items, amounts or a schedule are missing, as they can be in webhooks."""
    if subscription.items.has_more or isinstance(subscription.schedule, str):
        return True
    discounts = [*(subscription.discounts or ())]
    discounts += [one for item in subscription.items.data for one in item.discounts or ()]
    if any(one is None or one.source.coupon is None for one in discounts):
        return True
    prices = [item.price for item in subscription.items.data]
    return any(not one.is_complete_in(subscription.currency or one.currency) for one in prices)


def _cancel_at(subscription: StripeSubscription, schedule: StripeSchedule | None) -> int | None:
    """Return when a subscription ends, by itself or by its schedule.

    With a schedule, `cancel_at` may be no end but the time of the transition to the next phase.
    """
    own = subscription.cancel_at
    if schedule is None:
        return own
    if own in {phase.end_date for phase in schedule.phases}:
        own = None
    ends = (own, schedule.cancel_at)
    return min((end for end in ends if end is not None), default=None)


def _foreign_phases(schedule: StripeSchedule) -> tuple[ScheduledPhase, ...]:
    """Return the later phases, unless they are the one that we scheduled."""
    later = schedule.later_phases
    return () if _is_ours(schedule) else tuple(_to_phase(phase) for phase in later)


def _own_phase(schedule: StripeSchedule) -> ScheduledPhase | None:
    """Return the one later phase of our own schedule, as it is by now."""
    later = schedule.later_phases if _is_ours(schedule) else []
    return _to_phase(later[0]) if later else None


def _is_ours(schedule: StripeSchedule) -> bool:
    """Return whether a schedule is ours; one that was given more phases elsewhere is not."""
    return metadata_keys.SCHEDULE in schedule.metadata and len(schedule.later_phases) <= 1


def _to_phase(phase: StripePhase) -> ScheduledPhase:
    items = tuple((item.price, item.quantity) for item in phase.items)
    return ScheduledPhase(starts_at=phase.start_date, items=items)


def _to_item(item: StripeSubscriptionItem, subscription: StripeSubscription) -> SubscriptionItem:
    price = item.price
    currency = subscription.currency or price.currency
    amounts = price.amounts_in(currency) or _NO_AMOUNTS
    unit = _exact(amounts.unit_amount, amounts.unit_amount_decimal)
    is_whole = unit is not None and unit == int(unit)
    package = price.transform_quantity
    return SubscriptionItem(
        id=item.id,
        price=price.id,
        name=price.nickname,
        quantity=item.quantity,
        amount_minor=int(unit) if unit is not None and is_whole else None,
        unit_minor=None if is_whole else unit,
        tiers=tuple(_to_tier(tier) for tier in amounts.tiers or ()),
        tiers_mode=price.tiers_mode or "graduated",
        is_usage_based=price.recurring.usage_type == "metered",
        package=1 if package is None else package.divide_by,
        rounds_up=package is not None and package.round == "up",
        currency=currency,
        interval=price.recurring.interval,
        interval_count=price.recurring.interval_count,
        inclusive_tax_ppm=_inclusive_ppm(item.tax_rates or subscription.default_tax_rates or ()),
        discounts=_discounts(item.discounts, currency=currency),
    )


_NO_AMOUNTS: Final = StripeAmounts()


def _exact(amount: int | None, exact: Decimal | None) -> Decimal | None:
    """Return an amount that Stripe names twice: as an integer, null if it has a fraction."""
    if exact is not None:
        return exact
    return None if amount is None else Decimal(amount)


def _to_tier(tier: StripeTier) -> PriceTier:
    return PriceTier(
        up_to=tier.up_to,
        flat_minor=_exact(tier.flat_amount, tier.flat_amount_decimal) or Decimal(0),
        unit_minor=_exact(tier.unit_amount, tier.unit_amount_decimal) or Decimal(0),
    )


def _inclusive_ppm(rates: Iterable[StripeTaxRate]) -> int:
    """Add up what of a price is tax, in millionths of the net price."""
    return sum(int((rate.percentage or 0) * (_MILLION // 100)) for rate in rates if rate.inclusive)


def _discounts(given: StripeDiscounts | None, *, currency: str | None) -> tuple[Discount, ...]:
    """Return discounts in their order, which matters; one whose coupon is missing is unknown."""
    found = []
    for one in given or ():
        coupon = None if one is None else one.source.coupon
        if coupon is None:
            found.append(Discount())
        elif coupon.percent_off is not None:
            found.append(Discount(percent=coupon.percent_off))
        else:
            found.append(Discount(amount_minor=coupon.amount_off_in(currency or "")))
    return tuple(found)


def items_need_list(data: Json) -> bool:
    """Return whether an answer lacks items, or discounts of items, which a list expands."""
    items = data.get("items") or {}
    discounts = [one for item in items.get("data") or () for one in item.get("discounts") or ()]
    return bool(items.get("has_more")) or any(isinstance(one, str) for one in discounts)
