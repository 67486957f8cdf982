"""Histories of subscriptions whose states a provider reported in any order."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

from hypothesis import strategies as st

from domain.gateway.subscriptions import ProviderSubscription, SubscriptionState
from domain.subscriptions.events import SubscriptionEvent
from tests.projections.random_events import AT
from tests.projections.subscriptions.random_events import (
    apply_snapshot,
    provider_subscription,
    started,
)

QUARTER = timedelta(minutes=15)
_STATES: tuple[SubscriptionState, ...] = (
    "active", "active", "trialing", "past_due", "unpaid", "paused", "canceled",
)  # fmt: skip


@dataclass(frozen=True)
class ReportedState:
    """A state of a subscription at the provider, some quarters of an hour after its start."""

    after: int
    state: SubscriptionState
    amount_minor: int
    quantity: int

    def snapshot(self, number: int, currency: str) -> ProviderSubscription:
        moment = int((AT + self.after * QUARTER).timestamp())
        known = provider_subscription(id=f"sub_{number}", currency=currency)
        item = replace(known.items[0], amount_minor=self.amount_minor, quantity=self.quantity)
        return replace(
            known,
            items=(item,),
            state=self.state,
            as_of=moment,
            started_at=int(AT.timestamp()),
            ended_at=moment if self.state == "canceled" else None,
        )


_said = st.lists(
    st.builds(
        ReportedState,
        after=st.integers(0, 60),
        state=st.sampled_from(_STATES),
        amount_minor=st.sampled_from([0, 500, 999, 2000]),
        quantity=st.integers(1, 3),
    ),
    max_size=6,
)


@st.composite
def histories(draw: st.DrawFn) -> list[SubscriptionEvent]:
    """Draw what several subscriptions recorded of states that were reported in any order."""
    streams: list[list[SubscriptionEvent]] = []
    for number in range(draw(st.integers(1, 4))):
        mode, currency = draw(st.sampled_from([("test", "eur"), ("live", "usd"), ("test", "usd")]))
        beginnings: tuple[SubscriptionState, ...] = ("incomplete", "active")
        first = ReportedState(0, draw(st.sampled_from(beginnings)), 999, 1)
        subscription = started(snapshot=first.snapshot(number, currency), mode=mode)
        for said in draw(_said):
            apply_snapshot(subscription, said.snapshot(number, currency))
        streams.append(cast("list[SubscriptionEvent]", list(subscription.collect_events())))
    interleaved = []
    while streams:
        chosen = draw(st.sampled_from(streams))
        interleaved.append(chosen.pop(0))
        streams = [one for one in streams if one]
    return interleaved
