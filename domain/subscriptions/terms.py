"""What a subscription is charged for each period, where the provider keeps the sum alone (Mollie).

Written down as events carry it: {currency, interval, interval_count, rate_ppm, inclusive, lines}.
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
    """The tax that was agreed on, whatever the catalogue says of it today."""

    rate_ppm: int
    inclusive: bool


def terms_of(charge: Charge) -> dict[str, Any]:
    """Write down what recurs of a charge. Raises NotChargeable for what Mollie can't repeat."""
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
    """Read what is charged each period."""
    return Charge(
        currency=terms["currency"],
        lines=tuple(ChargeLine(**line) for line in terms["lines"]),
        rate_ppm=terms["rate_ppm"],
        inclusive=terms["inclusive"],
        interval=interval_of(terms),
    )


def interval_of(terms: Terms) -> tuple[str, int]:
    """Tell how often it is charged."""
    return terms["interval"], terms["interval_count"]


def tax_of(terms: Terms) -> TaxTerms | None:
    """Give the tax that was agreed on; None: it is untaxed."""
    rate_ppm = terms["rate_ppm"]
    return None if rate_ppm is None else AgreedTax(rate_ppm, terms["inclusive"])


def items_of(terms: Terms) -> tuple[SubscriptionItem, ...]:
    """Give the items as a provider that keeps them would."""
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
    """Tell whether what the provider charges is what was agreed on: somebody may have changed it.

    `seen`: with one item, which is the provider's sum.
    """
    charge = charge_of(terms)
    item = seen.items[0]
    return (item.currency, item.amount_minor) == (charge.currency, charge.total_minor) and (
        calendar.equal((item.interval, item.interval_count), interval_of(terms))
    )


def with_items(seen: ProviderSubscription, terms: Terms | None) -> ProviderSubscription:
    """Put the items that were agreed on in the place of the provider's sum, if they come to it."""
    if terms is None or not agree(seen, terms):
        return seen
    return replace(seen, items=items_of(terms))
