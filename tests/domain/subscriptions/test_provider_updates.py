"""Test provider updates of a subscription from each source and in any order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue.pricing import ChargeLine
from domain.core.effects import Effect
from domain.gateway.subscriptions import Discount, ProviderSubscription, SubscriptionState
from domain.subscriptions import events as s
from domain.subscriptions.items import Terms
from domain.subscriptions.mandate_subscription import with_agreed_terms
from domain.subscriptions.subscription import Subscription
from domain.subscriptions.terms import items_of
from tests.domain.given import Given, Happened, happened
from tests.domain.subscription_examples import PERIOD
from tests.domain.subscriptions.provider_updates import MONTHLY, answered, apply_update, standing

STARTED = happened(s.SubscriptionStarted)
ACTIVE = happened(s.SubscriptionActivated)
LATER = PERIOD[0] + 5


def known(*facts: Happened) -> Given[Subscription]:
    return Given(Subscription, STARTED, *facts)


@pytest.mark.parametrize(
    ("state", "fact", "status"),
    [
        ("incomplete", s.SubscriptionIncomplete, "incomplete"),
        ("trialing", s.SubscriptionTrialing, "trialing"),
        ("active", s.SubscriptionActivated, "active"),
        ("past_due", s.SubscriptionPastDue, "past_due"),
        ("unpaid", s.SubscriptionUnpaid, "unpaid"),
        ("paused", s.SubscriptionPaused, "paused"),
        ("canceled", s.SubscriptionCanceled, "canceled"),
        ("expired", s.SubscriptionExpired, "incomplete_expired"),
    ],
)
def test_the_first_snapshot_is_recorded_by_its_state(
    state: SubscriptionState, fact: type[s.SubscriptionStateEvent], status: str
) -> None:
    earns = status in ("active", "past_due")
    known().when(apply_update(standing(state))).then(happened(fact, source="webhook")).answering(
        Effect.CHANGED
    ).showing(status=status, monthly_minor=1998, recurring_minor=1998 if earns else 0)


@pytest.mark.parametrize(
    ("seen", "fact"),
    [
        (standing(items=(replace(MONTHLY, quantity=3),)), s.SubscriptionPlanChanged),
        (standing(discounts=(Discount(percent=Decimal(50)),)), s.SubscriptionPlanChanged),
        (standing(period_end=PERIOD[1] + 9), s.SubscriptionRenewed),
        (standing(cancel_at=PERIOD[1]), s.SubscriptionEndChanged),
        (standing("past_due"), s.SubscriptionPastDue),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_what_changes_names_the_fact(
    seen: ProviderSubscription, fact: type[s.SubscriptionStateEvent]
) -> None:
    newer = replace(seen, as_of=LATER)
    known(ACTIVE).when(apply_update(newer)).then(happened(fact, as_of=LATER)).answering(
        Effect.CHANGED
    )


def test_the_same_again_only_moves_its_time() -> None:
    given_ = known(ACTIVE)
    given_.when(apply_update(standing(as_of=LATER))).then(
        happened(s.SubscriptionStateConfirmed, as_of=LATER)
    ).answering(Effect.CONFIRMED)
    given_.when(answered(standing(as_of=LATER))).then().answering(Effect.CONFIRMED)


def test_a_webhook_update_makes_pending_older_answers_stale() -> None:
    given_ = known(ACTIVE)
    before = given_.root.version
    given_.when(apply_update(standing())).then(happened(s.SubscriptionStateConfirmed))
    assert given_.root.version > before


def test_an_older_snapshot_changes_nothing() -> None:
    older = standing("past_due", as_of=PERIOD[0] - 1)
    known(ACTIVE).when(apply_update(older)).then().answering(Effect.STALE)


def test_another_snapshot_of_the_same_second_is_fetched_and_the_answer_wins() -> None:
    given_ = known(ACTIVE)
    given_.when(apply_update(standing("past_due"))).then().answering(Effect.FETCH)
    given_.when(answered(standing("past_due"))).then(happened(s.SubscriptionPastDue))


def test_unlisted_discounts_are_fetched_unless_the_snapshot_is_old() -> None:
    unsaid = standing(as_of=LATER, is_incomplete=True)
    known(ACTIVE).when(apply_update(unsaid)).then().answering(Effect.FETCH)
    known().when(apply_update(unsaid)).then().answering(Effect.FETCH)
    old = replace(unsaid, as_of=PERIOD[0] - 1)
    known(ACTIVE).when(apply_update(old)).then().answering(Effect.STALE)


@pytest.mark.parametrize("over", ["canceled", "expired"])
def test_an_ended_subscription_stays_ended(over: SubscriptionState) -> None:
    given_ = known(ACTIVE)
    given_.when(apply_update(standing(over, as_of=LATER)))
    given_.when(apply_update(standing(as_of=LATER + 9))).then().answering(Effect.STALE)
    given_.when(answered(standing("past_due", as_of=LATER + 9))).then().answering(Effect.STALE)


def test_a_late_report_of_an_end_is_applied() -> None:
    given_ = known(ACTIVE)
    given_.when(apply_update(standing("past_due", as_of=LATER)))
    given_.when(apply_update(standing("canceled", as_of=LATER - 1))).then(
        happened(s.SubscriptionCanceled)
    ).showing(status="canceled", recurring_minor=0, as_of=LATER)


def test_only_another_snapshot_of_the_same_second_conflicts() -> None:
    root = known(ACTIVE).root
    now = replace(standing(), as_of=root.view.as_of)
    assert root.is_ambiguous(replace(now, state="past_due"))
    assert root.is_ambiguous(replace(now, cancel_at=PERIOD[1]))
    assert not root.is_ambiguous(replace(now, state="past_due", as_of=now.as_of + 1))
    assert not known().root.is_ambiguous(now)
    first = known()
    first.when(apply_update(now))
    assert not first.root.is_ambiguous(now)


# A provider's whole story: what it was like at each second, and what is told of that.

_STATES: list[SubscriptionState] = [
    "incomplete", "trialing", "active", "past_due", "unpaid", "paused",
]  # fmt: skip


@st.composite
def stories(draw: st.DrawFn) -> list[ProviderSubscription]:
    """Draw how a subscription went on: several words may be of one second."""
    snapshots = []
    occurred_at = PERIOD[0]
    for _ in range(draw(st.integers(1, 6))):
        occurred_at += draw(st.integers(0, 2))
        quantity = draw(st.integers(1, 3))
        snapshots.append(
            standing(
                draw(st.sampled_from(_STATES)),
                as_of=occurred_at,
                items=(replace(MONTHLY, quantity=quantity),),
                is_incomplete=draw(st.booleans()),
                cancel_at=draw(st.sampled_from([None, PERIOD[1]])),
            )
        )
    if draw(st.booleans()):
        snapshots.append(standing("canceled", as_of=occurred_at + draw(st.integers(0, 2))))
    return snapshots


@given(stories(), st.data())
def test_the_final_status_does_not_depend_on_update_order(
    story: list[ProviderSubscription], data: st.DataObject
) -> None:
    last = story[-1]
    doubled = [*story, *data.draw(st.lists(st.sampled_from(story), max_size=4))]
    given_ = known()
    for snapshot_ in data.draw(st.permutations(doubled)):
        if given_.when(apply_update(snapshot_)).answer is Effect.FETCH:
            given_.when(answered(replace(last, is_incomplete=False)))
    view = given_.root.view
    assert view.status == (last.state if last.state != "expired" else "incomplete_expired")
    assert [item.quantity for item in view.items] == [item.quantity for item in last.items]
    assert (view.cancel_at is None) == (last.cancel_at is None)
    assert view.as_of == last.as_of


@given(stories(), st.data())
def test_answers_that_saw_an_earlier_moment_never_undo_a_later_one(
    story: list[ProviderSubscription], data: st.DataObject
) -> None:
    given_ = known()
    last = story[-1]
    given_.when(apply_update(replace(last, is_incomplete=False)))
    for snapshot_ in data.draw(st.permutations(story)):
        if snapshot_.as_of < last.as_of:
            given_.when(answered(snapshot_)).then()
    assert given_.root.view.as_of == last.as_of


def test_a_mandates_period_stays_known_where_the_provider_reports_none_or_its_end_alone() -> None:
    subscription = known(ACTIVE).root
    kept = subscription.view.provider_fields
    for end in (None, kept["period_end"]):
        seen = standing(items=(), period_start=None, period_end=end)
        completed = with_agreed_terms(subscription, seen)
        assert (completed.period_start, completed.period_end) == PERIOD
    later = standing(items=(), period_start=PERIOD[1], period_end=PERIOD[1] + 9)
    completed = with_agreed_terms(subscription, later)
    assert (completed.period_start, completed.period_end) == (PERIOD[1], PERIOD[1] + 9)


def test_only_tax_that_prices_include_is_taken_off_recurring_revenue() -> None:
    line = ChargeLine(
        name="Pro", price="p", quantity=2, amount_minor=1998, gross_minor=2418, tax_minor=420
    )

    def tax_ppm(rate_ppm: int | None, *, inclusive: bool) -> list[int]:
        terms = Terms(
            currency="eur",
            interval="month",
            interval_count=1,
            rate_ppm=rate_ppm,
            inclusive=inclusive,
            lines=[line],
        )
        return [item.inclusive_tax_ppm for item in items_of(terms)]

    assert tax_ppm(210_000, inclusive=True) == [210_000]
    assert tax_ppm(210_000, inclusive=False) == [0]
    assert tax_ppm(None, inclusive=False) == [0]
