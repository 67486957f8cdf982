"""Read Stripe's subscriptions, from API answers and webhooks, into the port's objects."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import orjson

from domain.core.calendar import Interval
from domain.gateway.subscriptions import ProviderSubscription, SubscriptionItem, SubscriptionState
from eventlog.security.safe_json import without_secrets
from workers.providers.stripe.objects import Json, id_of, text_of, whole

WITH_COUPONS: Final = ["discounts.source.coupon"]

_MILLION: Final = 1_000_000
_STATES: Final[dict[str, SubscriptionState]] = {
    "incomplete": "incomplete",
    "incomplete_expired": "expired",
    "trialing": "trialing",
    "active": "active",
    "past_due": "past_due",
    "unpaid": "unpaid",
    "paused": "paused",
    "canceled": "canceled",
}
_INTERVALS: Final[dict[str, Interval]] = {
    "day": "day",
    "week": "week",
    "month": "month",
    "year": "year",
}


def to_subscription(data: Json, *, as_of: int) -> ProviderSubscription:
    """Read a subscription as it was at `as_of` (Unix seconds by Stripe's clock).

    Raises ValueError, KeyError or TypeError for a malformed subscription. Its
    periods are its items'; one whose collection is paused is shown as paused.
    """
    data = without_secrets(dict(data))
    items = data["items"]["data"]
    state = _STATES[data["status"]]
    paused = data.get("pause_collection") is not None and state == "active"
    ends = [item["current_period_end"] for item in items]
    percent_off_ppm, amount_off_minor = _discounts(data)
    return ProviderSubscription(
        id=text_of(data["id"]),
        state="paused" if paused else state,
        as_of=as_of,
        livemode=data["livemode"],
        customer=id_of(data.get("customer")),
        currency=data.get("currency"),
        items=tuple(_to_item(item, data) for item in items),
        started_at=whole(data["created"]),
        period_start=max((item["current_period_start"] for item in items), default=None),
        period_end=max(ends, default=None),
        trial_end=data.get("trial_end"),
        cancel_at=max(ends, default=None) if data["cancel_at_period_end"] else data["cancel_at"],
        canceled_at=data.get("canceled_at"),
        ended_at=data.get("ended_at"),
        percent_off_ppm=percent_off_ppm,
        amount_off_minor=amount_off_minor,
        discounts_incomplete=any(
            isinstance(discount, str) for discount in data.get("discounts") or ()
        ),
        latest_invoice=id_of(data.get("latest_invoice")),
        description=data.get("description"),
        metadata=dict(data.get("metadata") or {}),
        raw=orjson.dumps(data),
    )


def _to_item(item: Json, subscription: Json) -> SubscriptionItem:
    price = item["price"]
    rates = item.get("tax_rates") or subscription.get("default_tax_rates") or ()
    return SubscriptionItem(
        id=text_of(item["id"]),
        price=text_of(price["id"]),
        name=price.get("nickname"),
        quantity=whole(item.get("quantity") or 1),
        amount_minor=whole(price.get("unit_amount") or 0),
        currency=text_of(price["currency"]),
        interval=_INTERVALS[price["recurring"]["interval"]],
        interval_count=whole(price["recurring"]["interval_count"]),
        inclusive_tax_ppm=_inclusive_ppm(rates),
    )


def _inclusive_ppm(rates: Iterable[Json]) -> int:
    """Sum the inclusive tax of a price, in millionths of the net price."""
    return sum(_ppm(rate["percentage"]) for rate in rates if rate["inclusive"])


def _ppm(percentage: float | str) -> int:
    return int(Decimal(str(percentage)) * (_MILLION // 100))


def _discounts(subscription: Json) -> tuple[int, int]:
    """Return the discount in millionths and in minor units per invoice, if coupons are expanded."""
    kept, amount_off = Decimal(1), 0
    for discount in subscription.get("discounts") or ():
        coupon: Any = discount["source"]["coupon"] if isinstance(discount, dict) else None
        if not isinstance(coupon, dict):
            continue
        kept *= 1 - Decimal(str(coupon.get("percent_off") or 0)) / 100
        amount_off += whole(coupon.get("amount_off") or 0)
    return int((1 - kept) * _MILLION), amount_off
