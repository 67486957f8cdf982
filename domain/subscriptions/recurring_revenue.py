"""Monthly recurring revenue of a subscription."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from domain.core import money
from domain.gateway.subscriptions import ProviderSubscription, SubscriptionItem

_MILLION: Final = 1_000_000
_MONTHS: Final = {
    "day": Fraction(12, 365),
    "week": Fraction(12, 52),
    "month": Fraction(1),
    "year": Fraction(12),
}


def monthly_minor(subscription: ProviderSubscription) -> int:
    """Return the monthly revenue in minor units, net of tax and discounts, rounded once, half up.

    A year has 52 weeks or 365 days. A fixed discount applies once per period.
    """
    gross = sum((_monthly(item) for item in subscription.items), Fraction(0))
    kept = gross * (1 - Fraction(subscription.percent_off_ppm, _MILLION))
    net = kept - subscription.amount_off_minor / _longest_period(subscription.items)
    # Amount times quantity may exceed what a row can hold; nothing that is real comes near it.
    return min(max(0, int(net + Fraction(1, 2))), money.MAX_SUM_MINOR)


def _monthly(item: SubscriptionItem) -> Fraction:
    amount = Fraction(item.amount_minor * item.quantity)
    net = amount / (1 + Fraction(item.inclusive_tax_ppm, _MILLION))
    return net / (_MONTHS[item.interval] * item.interval_count)


def _longest_period(items: Iterable[SubscriptionItem]) -> Fraction:
    return max(
        (_MONTHS[item.interval] * item.interval_count for item in items), default=Fraction(1)
    )
