"""Build provider snapshots of a subscription, and apply them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from domain.core.effects import Effect
from domain.gateway.subscriptions import ProviderSubscription, SubscriptionItem, SubscriptionState
from domain.subscriptions.subscription import Subscription
from tests.domain.given import moment
from tests.domain.subscription_examples import PERIOD

Decide = Callable[[Subscription], Effect]

MONTHLY: Final = SubscriptionItem(
    id="si_1",
    price="price_monthly",
    name="Pro",
    quantity=2,
    amount_minor=999,
    currency="eur",
    interval="month",
    interval_count=1,
)
_ACTIVE: Final = ProviderSubscription(
    id="sub_1",
    state="active",
    as_of=PERIOD[0],
    livemode=False,
    customer="cus_1",
    currency="eur",
    items=(MONTHLY,),
    started_at=PERIOD[0],
    period_start=PERIOD[0],
    period_end=PERIOD[1],
    trial_end=None,
    cancel_at=None,
    canceled_at=None,
    ended_at=None,
)


def standing(state: SubscriptionState = "active", **changes: Any) -> ProviderSubscription:
    """Make a provider's subscription; one that is over says since when."""
    over = {"canceled_at": PERIOD[1], "ended_at": PERIOD[1]}
    defaults = over if state in ("canceled", "expired") else {}
    return replace(_ACTIVE, state=state, **defaults | changes)


def apply_update(seen: ProviderSubscription, source: str = "webhook") -> Decide:
    """Apply a snapshot to a subscription."""

    def decide(known: Subscription) -> Effect:
        return known.record_provider_state(
            seen, source=source, actor="webhook:evt_1", occurred_at=moment(60)
        )

    return decide


def answered(seen: ProviderSubscription) -> Decide:
    """Apply the answer of our own call to a subscription."""
    return apply_update(seen, "answer")
