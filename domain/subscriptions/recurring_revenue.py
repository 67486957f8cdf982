"""Monthly recurring revenue of a subscription."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from domain.core import money
from domain.gateway.subscriptions import Discount, ProviderSubscription, SubscriptionItem

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
    days. A fixed discount applies once per longest period. What is billed by usage adds nothing;
    None where an amount or a discount is unknown.
    """
    nets = _net_amounts(subscription)
    if nets is None:
        return None
    exact = sum((_monthly(item, net) for item, net in nets), Fraction(0))
    # Amount times quantity may exceed what a row can hold; nothing that is real comes near it.
    return min(max(0, _rounded(exact)), money.MAX_SUM_MINOR)


def _monthly(item: SubscriptionItem, amount: Fraction) -> Fraction:
    return amount / (1 + Fraction(item.inclusive_tax_ppm, _MILLION)) / _months_of(item)


def _months_of(item: SubscriptionItem) -> Fraction:
    return _MONTHS[item.interval] * item.interval_count


def _net_amounts(
    subscription: ProviderSubscription,
) -> list[tuple[SubscriptionItem, Fraction]] | None:
    """Return each item with the amount of its period less discounts; None where it is unknown."""
    nets = []
    for item in subscription.items:
        amount = period_amount(item)
        discounts = (*item.discounts, *subscription.discounts)
        if amount is None or any(not _is_known(one) for one in discounts):
            return None
        for discount in item.discounts:
            ((_, amount),) = _less(discount, [(item, amount)])
        nets.append((item, amount))
    for discount in subscription.discounts:
        nets = _less(discount, nets)
    return nets


def _is_known(discount: Discount) -> bool:
    return discount.percent is not None or discount.amount_minor is not None


def _less(
    discount: Discount, amounts: list[tuple[SubscriptionItem, Fraction]]
) -> list[tuple[SubscriptionItem, Fraction]]:
    """Subtract a discount: a percentage of each amount, or an amount divided among them."""
    if discount.percent is not None:
        share = Fraction(discount.percent) / 100
        return [(item, amount - _rounded(amount * share)) for item, amount in amounts]
    longest = max((_months_of(item) for item, _ in amounts), default=Fraction(1))
    whole = sum((amount / _months_of(item) for item, amount in amounts), Fraction(0)) * longest
    off = min(Fraction(discount.amount_minor or 0), whole)
    left, exact, taken = [], Fraction(0), 0
    for item, amount in amounts:
        exact += off * amount / whole if whole else 0
        part = _rounded(exact) - taken
        left.append((item, amount - part))
        taken += part
    return left


def _rounded(amount: Fraction) -> int:
    return int(amount + Fraction(1, 2))


def period_amount(item: SubscriptionItem) -> Fraction | None:
    """Return the amount of an item for one period as its line is billed, rounded half up.

    None where it is unknown.
    """
    exact = _exact_amount(item)
    return None if exact is None else Fraction(_rounded(exact))


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
