"""Read Stripe's subscriptions, from API answers and webhooks, into the port's objects."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import orjson

from domain.gateway.subscriptions import ProviderSubscription, SubscriptionItem, SubscriptionState
from eventlog.security.safe_json import without_secrets
from workers.providers.bounded_fields import read_as
from workers.providers.stripe.objects import Json
from workers.providers.stripe.subscription_schemas import (
    StripeSubscription,
    StripeSubscriptionItem,
    StripeSubscriptionStatus,
    StripeTaxRate,
)

WITH_COUPONS: Final = ["discounts.source.coupon"]

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


def to_subscription(data: Json, *, as_of: int) -> ProviderSubscription:
    """Read a subscription as it was at `as_of` (Unix seconds by Stripe's clock).

    Raises ProviderObjectUnreadable. Its periods are its items'; one whose collection is paused is
    shown as paused.
    """
    data = without_secrets(dict(data))
    read = read_as(StripeSubscription, data, kind="subscription")
    items, state = read.items.data, _STATES[read.status]
    paused = read.pause_collection is not None and state == "active"
    period_end = max((item.current_period_end for item in items), default=None)
    percent_off_ppm, amount_off_minor = _discounts(read)
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
        cancel_at=period_end if read.cancel_at_period_end else read.cancel_at,
        canceled_at=read.canceled_at,
        ended_at=read.ended_at,
        percent_off_ppm=percent_off_ppm,
        amount_off_minor=amount_off_minor,
        is_incomplete=read.items.has_more
        or any(discount is None for discount in read.discounts or ()),
        latest_invoice=read.latest_invoice,
        description=read.description,
        metadata=read.metadata,
        raw=orjson.dumps(data),
    )


def _to_item(item: StripeSubscriptionItem, subscription: StripeSubscription) -> SubscriptionItem:
    price = item.price
    return SubscriptionItem(
        id=item.id,
        price=price.id,
        name=price.nickname,
        quantity=item.quantity or 1,
        amount_minor=price.unit_amount or 0,
        currency=price.currency,
        interval=price.recurring.interval,
        interval_count=price.recurring.interval_count,
        inclusive_tax_ppm=_inclusive_ppm(item.tax_rates or subscription.default_tax_rates or ()),
    )


def _inclusive_ppm(rates: Iterable[StripeTaxRate]) -> int:
    """Add up what of a price is tax, in millionths of the net price."""
    return sum(int((rate.percentage or 0) * (_MILLION // 100)) for rate in rates if rate.inclusive)


def _discounts(subscription: StripeSubscription) -> tuple[int, int]:
    """Return discounts in millionths and in minor units per invoice, if coupons are expanded."""
    kept, amount_off = Decimal(1), 0
    for discount in subscription.discounts or ():
        coupon = None if discount is None else discount.source.coupon
        if coupon is None:
            continue
        kept *= 1 - (coupon.percent_off or 0) / Decimal(100)
        amount_off += coupon.amount_off or 0
    return int((1 - kept) * _MILLION), amount_off
