"""Subscriptions of any kind of price, quantity, discount, tax, trial and currency at Stripe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import orjson

from domain.core import ids
from domain.subscriptions.subscription import Subscription
from domain.subscriptions.view import SubscriptionView
from projections.reports.recurring_revenue import share_of
from tests.workers.stripe_harness import Bench

DAY_S: Final = 86_400
TRIAL_DAYS: Final = 5
# The months that an interval has, and days by which one has surely ended.
INTERVALS: Final = {
    ("month", 1): (Fraction(1), 31),
    ("week", 2): (Fraction(24, 52), 14),
    ("month", 3): (Fraction(3), 92),
    ("year", 1): (Fraction(12), 366),
}


def _in_dollars(**amounts: Any) -> dict[str, Any]:
    return {"currency_options": {"aud": amounts}}


SHAPES: Final[dict[str, dict[str, Any]]] = {
    "whole": {"unit_amount": 1999} | _in_dollars(unit_amount=2999),
    "decimal": {"unit_amount_decimal": "0.5"} | _in_dollars(unit_amount_decimal="0.75"),
    "packages": {"unit_amount": 700, "transform_quantity": {"divide_by": 7, "round": "up"}}
    | _in_dollars(unit_amount=1100),
    "full packages": {"unit_amount": 900, "transform_quantity": {"divide_by": 3, "round": "down"}}
    | _in_dollars(unit_amount=1300),
    "graduated": {
        "billing_scheme": "tiered",
        "tiers_mode": "graduated",
        "tiers": [
            {"up_to": 10, "unit_amount": 100, "flat_amount": 500},
            {"up_to": "inf", "unit_amount_decimal": "2.5", "flat_amount_decimal": "0.5"},
        ],
    },
    "volume": {
        "billing_scheme": "tiered",
        "tiers_mode": "volume",
        "tiers": [
            {"up_to": 5, "unit_amount": 90, "flat_amount": 30},
            {"up_to": "inf", "unit_amount": 80},
        ],
    },
    "metered": {"unit_amount": 500},
}
ONLY_EUROS: Final = frozenset({"graduated", "volume", "metered"})
COUPONS: Final[dict[str, dict[str, Any]]] = {
    "tenth": {"percent_off": 10, "duration": "forever"},
    "third": {"percent_off": 33.33, "duration": "repeating", "duration_in_months": 24},
    "once": {"percent_off": 50, "duration": "once"},
    "amount": {
        "amount_off": 250,
        "currency": "eur",
        "currency_options": {"aud": {"amount_off": 400}},
        "duration": "forever",
    },
    "much": {
        "amount_off": 4000,
        "currency": "eur",
        "currency_options": {"aud": {"amount_off": 5000}},
        "duration": "repeating",
        "duration_in_months": 36,
    },
}


@dataclass(frozen=True)
class Item:
    """An item of a plan: the shape of its price, and its own coupons."""

    shape: str
    quantity: int = 1
    coupons: Sequence[str] = ()


@dataclass(frozen=True)
class Plan:
    """A subscription to make."""

    items: Sequence[Item]
    coupons: Sequence[str] = ()
    tax: str | None = None
    has_trial: bool = False
    in_dollars: bool = False
    interval: tuple[str, int] = ("month", 1)

    @property
    def currency(self) -> str:
        """Return Australian dollars if all prices have such an option."""
        can = not {item.shape for item in self.items} & ONLY_EUROS
        return "aud" if self.in_dollars and can else "eur"


class Catalogue:
    """An account's prices, coupons and tax rates, each made once."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.v1 = bench, bench.account.v1
        bench.account.admin.set_clock(frozen=True)
        self._ids: dict[str, str] = {}

    def price(self, shape: str, interval: tuple[str, int]) -> str:
        usage = "metered" if shape == "metered" else "licensed"
        recurring = {"interval": interval[0], "interval_count": interval[1], "usage_type": usage}
        product = {"product": self.bench.account.product, "currency": "eur"}
        params: Any = product | {"recurring": recurring} | SHAPES[shape]
        return self._id(f"{shape}, {interval}", lambda: self.v1.prices.create(params).id)

    def discounts(self, names: Sequence[str]) -> list[dict[str, str]]:
        return [{"coupon": self._coupon(name)} for name in names]

    def _coupon(self, name: str) -> str:
        params: Any = COUPONS[name]
        return self._id(name, lambda: self.v1.coupons.create(params).id)

    def tax(self, tax: str) -> str:
        rate: Any = {"display_name": "VAT", "percentage": 21, "inclusive": tax == "contained"}
        return self._id(tax, lambda: self.v1.tax_rates.create(rate).id)

    def _id(self, name: str, make: Any) -> str:
        if name not in self._ids:
            self._ids[name] = make()
        return self._ids[name]

    def subscribe(self, plan: Plan) -> str:
        items = []
        for item in plan.items:
            quantity = {} if item.shape == "metered" else {"quantity": item.quantity}
            discounts = self.discounts(item.coupons)
            price = self.price(item.shape, plan.interval)
            items.append({"price": price, "discounts": discounts, **quantity})
        params: Any = {
            "customer": self.bench.account.add_customer(),
            "items": items,
            "currency": plan.currency,
            "discounts": self.discounts(plan.coupons),
        }
        if plan.tax is not None:
            params["default_tax_rates"] = [self.tax(plan.tax)]
        if plan.has_trial:
            params["trial_period_days"] = TRIAL_DAYS
        return str(self.v1.subscriptions.create(params).id)

    def recorded(self, subscription: str) -> SubscriptionView:
        """Return what was recorded of a subscription once its events were applied."""
        bench = self.bench
        bench.deliver("customer.subscription.")
        stream = ids.for_provider_object(bench.app_id, bench.connection_id, "test", subscription)
        return bench.billing.get(Subscription, stream).view

    def invoices(self, subscription: str) -> list[Any]:
        """List a subscription's invoices, the newest first."""
        return self.v1.invoices.list({"subscription": subscription, "limit": 100}).data


def _body(answer: Any) -> dict[str, Any]:
    return dict(orjson.loads(answer.last_response.body))


def compare(catalogue: Catalogue, plan: Plan) -> list[dict[str, Any]]:
    """Make a subscription; require that its month is what its next invoice bills net of tax.

    Return it as it was at first and at last.
    """
    account = catalogue.bench.account
    made = catalogue.subscribe(plan)
    first = _body(catalogue.v1.subscriptions.retrieve(made))
    view = catalogue.recorded(made)
    is_metered = any(item.shape == "metered" for item in plan.items)
    assert view.status == ("trialing" if plan.has_trial else "active")
    if not plan.has_trial:
        ((recurring, active, unpriced, usage_based),) = share_of(view).values()
        assert (recurring, active, unpriced) == (view.monthly_minor, 1, 0), plan
        assert usage_based == int(is_metered)
    months, days = INTERVALS[plan.interval]
    days = TRIAL_DAYS if plan.has_trial else days
    account.admin.set_clock(advance_s=days * DAY_S + 7200)
    renewal = catalogue.invoices(made)[0]
    assert renewal.billing_reason == "subscription_cycle"
    # Stripe rounds the tax that each line contains, we round once.
    slack = len(plan.items) - 1 if plan.tax == "contained" else 0
    assert view.monthly_minor is not None
    month_minor = int(Fraction(renewal.total_excluding_tax) / months + Fraction(1, 2))
    assert abs(view.monthly_minor - month_minor) <= slack, plan
    customer = str(renewal.customer)
    charged = account.admin.ledger()["by_customer"].get(customer, {}).get(plan.currency, 0)
    assert charged == sum(one.amount_paid for one in catalogue.invoices(made))
    return [first, _body(catalogue.v1.subscriptions.cancel(made))]
