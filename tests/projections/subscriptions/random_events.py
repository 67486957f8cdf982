"""Random facts about subscriptions, and subscriptions made of what a provider says."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import strategies as st

from domain.events import topics_of
from domain.gateway.subscriptions import ProviderSubscription, SubscriptionItem
from domain.subscriptions import events as s
from domain.subscriptions.commands import StartSubscription
from domain.subscriptions.subscription import Subscription
from eventlog.codec import Codec
from eventlog.reading import RecordedEvent
from tests.projections.random_events import AT, classes_below, fields_of, recorded, texts

APP = UUID(int=1)

_FIRST = s.SubscriptionStarted
_CONTINUATIONS = classes_below(s.SubscriptionEvent, beginnings=(_FIRST,))
assert len(_CONTINUATIONS) + 1 == len(topics_of(s.SubscriptionEvent))


@st.composite
def streams(draw: st.DrawFn) -> list[s.SubscriptionEvent]:
    """Draw a subscription's events, from its start through any that may follow."""
    stream = draw(st.uuids(version=4))
    kinds: list[type[s.SubscriptionEvent]] = [_FIRST]
    kinds += draw(st.lists(st.sampled_from(_CONTINUATIONS), max_size=6))
    events = []
    for index, kind in enumerate(kinds):
        facts = draw(fields_of(kind))
        if kind is _FIRST:
            facts |= {"originator_topic": "subscription", "mode": draw(_modes), "app_id": APP}
        elif "currency" in facts:
            facts["currency"] = draw(_currencies)
            facts["scheduled_change"] = draw(_phases)
        moment = AT + timedelta(microseconds=draw(st.integers(0, 10**9)))
        events.append(
            kind(originator_id=stream, originator_version=index + 1, timestamp=moment, **facts)
        )
    return events


_modes = st.sampled_from(["live", "test"])
_currencies = st.sampled_from(["eur", "usd", None])
_phases = st.none() | st.fixed_dictionaries(
    {
        "starts_at": st.none() | st.integers(0, 4_000_000_000),
        "items": st.lists(
            st.fixed_dictionaries({"price": texts, "quantity": st.none() | st.integers(1, 9)}),
            max_size=2,
        ),
    }
)


@st.composite
def logs(draw: st.DrawFn) -> list[RecordedEvent]:
    """Several subscriptions' facts, interleaved."""
    waiting = draw(
        st.lists(streams(), min_size=1, max_size=4, unique_by=lambda one: one[0].originator_id)
    )
    codec, found = Codec(), []
    while waiting:
        stream = draw(st.sampled_from(waiting))
        found.append(stream.pop(0))
        waiting = [one for one in waiting if one]
    return [recorded(codec, event, position) for position, event in enumerate(found, 1)]


def provider_subscription(**facts: Any) -> ProviderSubscription:
    """Build a provider snapshot; 9.99 EUR a month by default."""
    known: dict[str, Any] = {
        "id": f"sub_{uuid4().hex[:8]}",
        "state": "active",
        "as_of": 1_767_225_600,
        "livemode": False,
        "customer": "cus_1",
        "currency": "eur",
        "items": (
            SubscriptionItem(
                id="si_1",
                price="price_monthly",
                name="Pro",
                quantity=1,
                amount_minor=999,
                currency="eur",
                interval="month",
                interval_count=1,
            ),
        ),
        "started_at": int(AT.timestamp()),
        "period_start": 1_767_225_600,
        "period_end": 1_769_904_000,
        "trial_end": None,
        "cancel_at": None,
        "canceled_at": None,
        "ended_at": None,
    }
    return ProviderSubscription(**known | facts)


def started(
    app_id: UUID = APP, *, snapshot: ProviderSubscription | None = None, **facts: Any
) -> Subscription:
    """A subscription that the provider has, with its first word taken in."""
    fields: dict[str, Any] = {
        "tenant_id": None,
        "provider": "stripe",
        "connection": "main",
        "connection_id": UUID(int=7),
        "mode": "test",
        "origin": "provider",
        "actor": "webhook:evt_1",
    }
    seen = snapshot or provider_subscription()
    command = StartSubscription(app_id=app_id, **fields | facts)
    subscription = Subscription.start(command, seen, occurred_at=AT)
    apply_snapshot(subscription, seen)
    return subscription


def apply_snapshot(subscription: Subscription, seen: ProviderSubscription) -> None:
    """Apply a provider snapshot."""
    subscription.record_provider_state(seen, source="answer", actor="worker", occurred_at=AT)
