"""Terms of a subscription: its charge each period, where the provider keeps only the sum (Mollie).

Stored in events as {currency, interval, interval_count, rate_ppm, inclusive, lines}.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, cast

from domain.catalogue.pricing import Charge, ChargeLine, NotChargeable, TaxTerms
from domain.core import calendar
from domain.core.calendar import Interval
from domain.gateway.subscriptions import ProviderSubscription, SubscriptionItem

Terms = Mapping[str, Any]
_NO_TAX: Final = 0


@dataclass(frozen=True)
class AgreedTax:
    """The agreed tax, independent of later changes of the catalogue."""

    rate_ppm: int
    inclusive: bool


def terms_of(charge: Charge) -> dict[str, Any]:
    """Return the terms of a recurring charge. Raises NotChargeable if Mollie can't repeat it."""
    if charge.interval is None or calendar.to_mollie(*charge.interval) is None:
        message = "Mollie charges each day, week or month, or so many of them up to a year."
        raise NotChargeable(code="interval_unsupported", message=message, path="lineItems.0.price")
    if charge.total_minor == 0:
        message = "Mollie can't charge nothing each period."
        raise NotChargeable(code="amount_invalid", message=message, path="lineItems.0.price")
    interval, count = charge.interval
    return {
        "currency": charge.currency,
        "interval": interval,
        "interval_count": count,
        "rate_ppm": charge.rate_ppm,
        "inclusive": charge.inclusive,
        "lines": [asdict(line) for line in charge.lines],
    }


def charge_of(terms: Terms) -> Charge:
    """Return the charge of each period."""
    return Charge(
        currency=terms["currency"],
        lines=tuple(ChargeLine(**line) for line in terms["lines"]),
        rate_ppm=terms["rate_ppm"],
        inclusive=terms["inclusive"],
        interval=interval_of(terms),
    )


def interval_of(terms: Terms) -> tuple[str, int]:
    """Return the interval and its count."""
    return terms["interval"], terms["interval_count"]


def tax_of(terms: Terms) -> TaxTerms | None:
    """Return the agreed tax; None: untaxed."""
    rate_ppm = terms["rate_ppm"]
    return None if rate_ppm is None else AgreedTax(rate_ppm, terms["inclusive"])


def items_of(terms: Terms) -> tuple[SubscriptionItem, ...]:
    """Return the terms as subscription items."""
    interval, count = interval_of(terms)
    inclusive = terms["inclusive"] and terms["rate_ppm"] is not None
    return tuple(
        SubscriptionItem(
            id=str(index),
            price=line["price"] or "",
            name=line["name"],
            quantity=line["quantity"],
            amount_minor=line["amount_minor"] // line["quantity"],
            currency=terms["currency"],
            interval=cast("Interval", interval),
            interval_count=count,
            inclusive_tax_ppm=terms["rate_ppm"] if inclusive else _NO_TAX,
        )
        for index, line in enumerate(terms["lines"])
    )


def agree(seen: ProviderSubscription, terms: Terms) -> bool:
    """Return whether the provider charges the agreed terms; they can be changed there.

    `seen`: with one item, which is the provider's sum.
    """
    charge = charge_of(terms)
    item = seen.items[0]
    return (item.currency, item.amount_minor) == (charge.currency, charge.total_minor) and (
        calendar.equal((item.interval, item.interval_count), interval_of(terms))
    )


def with_items(seen: ProviderSubscription, terms: Terms | None) -> ProviderSubscription:
    """Replace the provider's sum by the agreed items, if they add up to it."""
    if terms is None or not agree(seen, terms):
        return seen
    return replace(seen, items=items_of(terms))
