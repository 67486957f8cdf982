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


def monthly_minor(subscription: ProviderSubscription) -> int | None:
    """Return the monthly revenue in minor units, net of tax and discounts, rounded half up.

    Each item is rounded as its line on an invoice is, then the sum. A year has 52 weeks or 365
    days. A fixed discount applies once per period. What is billed by usage adds nothing; None where
    the amount of an item is unknown.
    """
    amounts = [_monthly(item) for item in subscription.items]
    known = [amount for amount in amounts if amount is not None]
    if len(known) < len(amounts):
        return None
    kept = sum(known, Fraction(0)) * (1 - Fraction(subscription.percent_off_ppm, _MILLION))
    net = kept - subscription.amount_off_minor / _longest_period(subscription.items)
    # Amount times quantity may exceed what a row can hold; nothing that is real comes near it.
    return min(max(0, int(net + Fraction(1, 2))), money.MAX_SUM_MINOR)


def _monthly(item: SubscriptionItem) -> Fraction | None:
    amount = period_amount(item)
    if amount is None:
        return None
    net = amount / (1 + Fraction(item.inclusive_tax_ppm, _MILLION))
    return net / (_MONTHS[item.interval] * item.interval_count)


def period_amount(item: SubscriptionItem) -> Fraction | None:
    """Return the amount of an item for one period as its line is billed, rounded half up.

    None where it is unknown.
    """
    exact = _exact_amount(item)
    return None if exact is None else Fraction(int(exact + Fraction(1, 2)))


def _exact_amount(item: SubscriptionItem) -> Fraction | None:
    if item.is_usage_based:
        return Fraction(0)
    if item.quantity is None:
        return None
    packages, rest = divmod(item.quantity, item.package)
    quantity = packages + 1 if rest and item.rounds_up else packages
    if item.tiers:
        return _amount_by_tiers(item, quantity)
    unit = item.amount_minor if item.unit_minor is None else item.unit_minor
    return None if unit is None else Fraction(unit) * quantity


def _amount_by_tiers(item: SubscriptionItem, quantity: int) -> Fraction:
    """Return the amount of the tiers that a quantity reaches, or of the last one (volume)."""
    total, below = Fraction(0), 0
    for tier in item.tiers:
        is_last = tier.up_to is None or quantity <= tier.up_to
        top = quantity if is_last or tier.up_to is None else tier.up_to
        counted = quantity if item.tiers_mode == "volume" else top - below
        if is_last or item.tiers_mode == "graduated":
            total += Fraction(tier.flat_minor) + Fraction(tier.unit_minor) * counted
        if is_last:
            break
        below = top
    return total


def _longest_period(items: Iterable[SubscriptionItem]) -> Fraction:
    return max(
        (_MONTHS[item.interval] * item.interval_count for item in items), default=Fraction(1)
    )
