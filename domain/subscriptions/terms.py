"""Terms of a subscription, where the provider keeps only the sum of each period (Mollie)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, cast

from domain.catalogue.pricing import Charge, NotChargeable, TaxTerms
from domain.core import calendar
from domain.core.calendar import Interval
from domain.gateway.subscriptions import ProviderSubscription, SubscriptionItem
from domain.subscriptions.items import Terms

_NO_TAX: Final = 0


@dataclass(frozen=True)
class AgreedTax:
    """The agreed tax, independent of later changes of the catalogue."""

    rate_ppm: int
    inclusive: bool


def terms_of(charge: Charge) -> Terms:
    """Return the terms of a recurring charge. Raises NotChargeable if Mollie can't repeat it."""
    if charge.interval is None or calendar.to_mollie(*charge.interval) is None:
        message = "Mollie charges each day, week or month, or so many of them up to a year."
        raise NotChargeable(code="interval_unsupported", message=message, path="lineItems.0.price")
    if charge.total_minor == 0:
        message = "Mollie can't charge nothing each period."
        raise NotChargeable(code="amount_invalid", message=message, path="lineItems.0.price")
    interval, count = charge.interval
    return Terms(
        currency=charge.currency,
        interval=interval,
        interval_count=count,
        rate_ppm=charge.rate_ppm,
        inclusive=charge.inclusive,
        lines=list(charge.lines),
    )


def tax_of(terms: Terms) -> TaxTerms | None:
    """Return the agreed tax; None: untaxed."""
    return None if terms.rate_ppm is None else AgreedTax(terms.rate_ppm, terms.inclusive)


def items_of(terms: Terms) -> tuple[SubscriptionItem, ...]:
    """Return the terms as subscription items."""
    inclusive_ppm = terms.rate_ppm if terms.inclusive else None
    return tuple(
        SubscriptionItem(
            id=str(index),
            price=line.price or "",
            name=line.name,
            quantity=line.quantity,
            amount_minor=line.amount_minor // line.quantity,
            currency=terms.currency,
            interval=cast("Interval", terms.interval),
            interval_count=terms.interval_count,
            inclusive_tax_ppm=_NO_TAX if inclusive_ppm is None else inclusive_ppm,
        )
        for index, line in enumerate(terms.lines)
    )


def agree(seen: ProviderSubscription, terms: Terms) -> bool:
    """Return whether the provider charges the agreed terms; they can be changed there.

    `seen`: with one item, which is the provider's sum.
    """
    charge = terms.charge
    item = seen.items[0]
    return (item.currency, item.amount_minor) == (charge.currency, charge.total_minor) and (
        calendar.equal((item.interval, item.interval_count), terms.every)
    )


def with_items(seen: ProviderSubscription, terms: Terms | None) -> ProviderSubscription:
    """Replace the provider's sum by the agreed items, if they add up to it."""
    if terms is None or not agree(seen, terms):
        return seen
    return replace(seen, items=items_of(terms))
