"""Models of the fields of Stripe's objects that only history imports read."""

from __future__ import annotations

from typing import Annotated

from domain.core.calendar import Interval
from workers.providers.bounded_fields import (
    EXPANDED,
    Amount,
    Currency,
    IntervalCount,
    Percentage,
    ProviderObject,
    Text,
    Time,
    Token,
    TokenOrObject,
)
from workers.providers.stripe.schemas import StripePartOfInvoice


class ListedTaxRate(ProviderObject):
    """A tax rate."""

    id: Token
    display_name: Text | None = None
    percentage: Percentage | None = None
    inclusive: bool


class _Product(ProviderObject):
    name: Text | None = None


class _ListedRecurring(ProviderObject):
    usage_type: Token | None = None
    interval: Interval | None = None
    interval_count: IntervalCount | None = None


class ListedPrice(ProviderObject):
    """A price with its product."""

    id: Token
    nickname: Text | None = None
    currency: Currency
    unit_amount: Amount | None = None
    recurring: _ListedRecurring | None = None
    product: Annotated[_Product | None, EXPANDED] = None


class _Payment(ProviderObject):
    payment_intent: TokenOrObject | None = None
    charge: TokenOrObject | None = None


class _ListedPayment(StripePartOfInvoice):
    is_default: bool
    payment: _Payment


class ListedPayments(ProviderObject):
    """The payments of an invoice."""

    data: list[_ListedPayment]


class ListedTimes(ProviderObject):
    """The times of an invoice."""

    created: Time
    status_transitions: dict[Token, Time | None]


class _Charge(ProviderObject):
    created: Time


class ListedIntent(ProviderObject):
    """The times at which a payment was created and last tried."""

    created: Time
    latest_charge: Annotated[_Charge | None, EXPANDED] = None


class PaidBy(ProviderObject):
    """The payment of a refund or dispute; old ones have only a charge."""

    payment_intent: TokenOrObject | None = None
    charge: TokenOrObject | None = None
