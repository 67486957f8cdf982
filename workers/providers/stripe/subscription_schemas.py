"""Models of Stripe's subscriptions: the fields that we use, with their types and bounds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from domain.core.calendar import Interval
from workers.providers.bounded_fields import (
    EXPANDED,
    Amount,
    Count,
    Currency,
    DecimalAmount,
    IntervalCount,
    Metadata,
    Percentage,
    ProviderObject,
    Text,
    Time,
    Token,
    TokenOrObject,
)

StripeSubscriptionStatus = Literal[
    "incomplete",
    "incomplete_expired",
    "trialing",
    "active",
    "past_due",
    "unpaid",
    "paused",
    "canceled",
]


class _Recurring(ProviderObject):
    interval: Interval
    interval_count: IntervalCount
    usage_type: Token | None = None


class StripeTier(ProviderObject):
    """A tier of a price."""

    up_to: Count | None = None
    flat_amount: Amount | None = None
    flat_amount_decimal: DecimalAmount | None = None
    unit_amount: Amount | None = None
    unit_amount_decimal: DecimalAmount | None = None


class StripeAmounts(ProviderObject):
    """The amounts of a price in one currency; `tiers` only where they were expanded."""

    unit_amount: Amount | None = None
    unit_amount_decimal: DecimalAmount | None = None
    tiers: list[StripeTier] | None = None


class _TransformQuantity(ProviderObject):
    divide_by: IntervalCount
    round: Literal["up", "down"]


class StripeSubscriptionPrice(StripeAmounts):
    """The price of an item; `currency_options` only where they were expanded."""

    id: Token
    nickname: Text | None = None
    currency: Currency
    billing_scheme: Token | None = None
    tiers_mode: Literal["graduated", "volume"] | None = None
    currency_options: dict[Token, StripeAmounts] | None = None
    transform_quantity: _TransformQuantity | None = None
    recurring: _Recurring

    def amounts_in(self, currency: str) -> StripeAmounts | None:
        """Return the amounts in a currency; None where there are none, or none were expanded."""
        return self if currency == self.currency else (self.currency_options or {}).get(currency)

    def is_complete_in(self, currency: str) -> bool:
        """Return whether the amounts in a currency were expanded as far as they are needed."""
        if self.recurring.usage_type == "metered":
            return True
        if currency != self.currency:
            return self.currency_options is not None
        return self.billing_scheme != "tiered" or self.tiers is not None


class StripeTaxRate(ProviderObject):
    """A tax rate of a subscription or an item."""

    percentage: Percentage | None = None
    inclusive: bool


class _CouponOption(ProviderObject):
    amount_off: Amount


class _Coupon(ProviderObject):
    percent_off: Percentage | None = None
    amount_off: Amount | None = None
    currency: Currency | None = None
    currency_options: dict[Token, _CouponOption] | None = None

    def amount_off_in(self, currency: str) -> int | None:
        """Return the amount off in a currency; None where there is none, or none was expanded."""
        if currency == self.currency:
            return self.amount_off
        option = (self.currency_options or {}).get(currency)
        return None if option is None else option.amount_off


class _DiscountSource(ProviderObject):
    coupon: Annotated[_Coupon | None, EXPANDED] = None


class StripeDiscount(ProviderObject):
    """An expanded discount."""

    source: _DiscountSource


StripeDiscounts = list[Annotated[StripeDiscount | None, EXPANDED]]


class StripeSubscriptionItem(ProviderObject):
    """A subscription's item; a discount that is not expanded is None."""

    id: Token
    price: StripeSubscriptionPrice
    quantity: Count | None = None
    current_period_start: Time
    current_period_end: Time
    tax_rates: list[StripeTaxRate] | None = None
    discounts: StripeDiscounts | None = None


class _Items(ProviderObject):
    data: list[StripeSubscriptionItem]
    has_more: bool = False


class _PhaseItem(ProviderObject):
    price: TokenOrObject
    quantity: Count | None = None


class StripePhase(ProviderObject):
    """A phase of a schedule."""

    start_date: Time
    end_date: Time
    items: list[_PhaseItem]


class _CurrentPhase(ProviderObject):
    start_date: Time
    end_date: Time


class StripeSchedule(ProviderObject):
    """The schedule that a subscription follows; `phases` has the past ones too."""

    id: Token
    end_behavior: Token
    current_phase: _CurrentPhase | None = None
    phases: list[StripePhase]
    metadata: Metadata = Field(default_factory=dict)

    @property
    def later_phases(self) -> list[StripePhase]:
        """Return the phases after the current one."""
        begun = 0 if self.current_phase is None else self.current_phase.end_date
        return [phase for phase in self.phases if phase.start_date >= begun]

    @property
    def cancel_at(self) -> int | None:
        """Return when the schedule ends the subscription; None where it releases it."""
        ends = self.end_behavior == "cancel" and self.phases
        return max(phase.end_date for phase in self.phases) if ends else None


class StripeScheduleOf(ProviderObject):
    """The subscription of a schedule: the present one, or the one that it released."""

    subscription: TokenOrObject | None = None
    released_subscription: TokenOrObject | None = None


class StripeSubscription(ProviderObject):
    """A subscription; a discount that is not expanded is None, a schedule is its id."""

    id: Token
    status: StripeSubscriptionStatus
    livemode: bool
    customer: TokenOrObject | None = None
    currency: Currency | None = None
    items: _Items
    created: Time
    trial_end: Time | None = None
    cancel_at_period_end: bool
    cancel_at: Time | None = None
    canceled_at: Time | None = None
    ended_at: Time | None = None
    pause_collection: dict[str, Any] | None = None
    default_tax_rates: list[StripeTaxRate] | None = None
    discounts: StripeDiscounts | None = None
    schedule: Token | StripeSchedule | None = None
    latest_invoice: TokenOrObject | None = None
    description: Text | None = None
    metadata: Metadata = Field(default_factory=dict)
