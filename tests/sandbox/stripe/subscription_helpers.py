"""Short ways to subscriptions: plans, subscribers, moments, and the clock that goes to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import stripe

from tests.sandbox.stripe.shop import Shop

DAY_S = 86400


def moment(year: int, month: int, day: int, hour: int = 12) -> int:
    """A time as Stripe writes it."""
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp())


class Club:
    """An account whose clock stands, and people who subscribe to its plans."""

    def __init__(self, shop: Shop, *, begins: int = moment(2027, 1, 15)) -> None:
        self.shop = shop
        self.stripe = shop.stripe
        self.admin = shop.admin
        self.go_to(begins)

    def go_to(self, at: int) -> None:
        """Moves the clock; what falls due on the way happens."""
        self.admin.set_clock(now=at, frozen=True)

    def later(self, seconds: float) -> None:
        """Moves the clock on."""
        self.admin.set_clock(advance_s=seconds)

    def plan(
        self, amount: int = 1000, interval: str = "month", count: int = 1, **fields: Any
    ) -> str:
        """A price that repeats."""
        recurring = {"interval": interval, "interval_count": count}
        return self.shop.price(amount, recurring=recurring, **fields).id

    def subscribe(
        self, customer: str, *plans: str, quantity: int = 1, **fields: Any
    ) -> stripe.Subscription:
        """A subscription as our gateway would begin it."""
        items: Any = [{"price": plan, "quantity": quantity} for plan in plans]
        given: Any = {"customer": customer, "items": items, "off_session": True, **fields}
        return self.stripe.subscriptions.create(given)

    def member(self, *plans: str, card: str = "pm_card_visa", **fields: Any) -> stripe.Subscription:
        """A new customer with a card, subscribed."""
        customer = self.shop.customer(card).id
        return self.subscribe(customer, *(plans or (self.plan(),)), **fields)

    def now(self, subscription: stripe.Subscription) -> stripe.Subscription:
        """The subscription as it is now."""
        return self.stripe.subscriptions.retrieve(subscription.id)

    def invoices(self, subscription: stripe.Subscription) -> list[stripe.Invoice]:
        """The subscription's invoices, oldest first."""
        found = self.stripe.invoices.list({"subscription": subscription.id, "limit": 100})
        return found.data[::-1]

    def latest(self, subscription: stripe.Subscription) -> stripe.Invoice:
        """The subscription's latest invoice."""
        return self.stripe.invoices.retrieve(str(self.now(subscription).latest_invoice))

    def new_card(self, customer: str, card: str = "pm_card_visa") -> str:
        """Attaches a card and makes it the customer's default."""
        method = self.stripe.payment_methods.attach(card, {"customer": customer}).id
        settings: Any = {"default_payment_method": method}
        self.stripe.customers.update(customer, {"invoice_settings": settings})
        return method

    def types_since(self, at: int) -> list[str]:
        """The types of the events from a time on, oldest first."""
        found = self.stripe.events.list({"created": {"gte": at}, "limit": 100})
        return [str(event.type) for event in found.data][::-1]


def items_of(subscription: stripe.Subscription) -> list[stripe.SubscriptionItem]:
    """A subscription's items; ``items`` itself is a method of the SDK's objects."""
    return list(subscription["items"].data)


def period_of(subscription: stripe.Subscription) -> tuple[int, int]:
    """The period that the subscription is in."""
    item = items_of(subscription)[0]
    return item.current_period_start, item.current_period_end


def totals(invoices: list[stripe.Invoice]) -> list[int]:
    """Return the invoices' totals."""
    return [invoice.total for invoice in invoices]
