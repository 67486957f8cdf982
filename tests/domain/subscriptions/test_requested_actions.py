"""Test actions requested on a subscription, and their outcomes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.core.errors import NotPossible
from domain.gateway.subscriptions import Discount
from domain.subscriptions import events as s
from domain.subscriptions.commands import CancelSubscription, ChangeSubscription
from domain.subscriptions.items import RequestedPrice
from domain.subscriptions.subscription import Subscription
from tests.domain.given import AGGREGATE_ID, Given, Happened, happened, moment
from tests.domain.subscription_examples import PERIOD, REQUEST_ID, TENANT_ID
from tests.domain.subscriptions.provider_updates import MONTHLY, apply_update, standing

STARTED = happened(s.SubscriptionStarted)
ACTIVE = happened(s.SubscriptionActivated)
ENDED = happened(s.SubscriptionCanceled)
CANCEL = happened(s.SubscriptionCancelRequested)
CHANGE = happened(s.SubscriptionChangeRequested, lines=[{"price": "price_2", "quantity": 1}])
STEP = happened(s.SubscriptionStepStarted)
GAVE_UP = happened(s.SubscriptionStepGaveUp)
NOW = moment(60)


def known(*facts: Happened) -> Given[Subscription]:
    return Given(Subscription, STARTED, ACTIVE, *facts)


def cancel(*, at_period_end: bool = False) -> Any:
    command = CancelSubscription(
        subscription_id=AGGREGATE_ID,
        request_id=uuid4(),
        at_period_end=at_period_end,
        request_hash="4a5h",
        actor="key:1",
    )
    return lambda root: root.request_action(command, occurred_at=NOW)


def change(*, at_period_end: bool = False) -> Any:
    command = ChangeSubscription(
        subscription_id=AGGREGATE_ID,
        request_id=uuid4(),
        at_period_end=at_period_end,
        lines=[RequestedPrice("price_2", 1)],
        request_hash="4a5h",
        actor="key:1",
    )
    return lambda root: root.request_action(command, occurred_at=NOW)


def finish(root: Subscription) -> None:
    root.finish_request(occurred_at=NOW)


def refuse(root: Subscription) -> None:
    root.refuse_request(code="provider_rejected", message="No such price.", occurred_at=NOW)


def start_step(root: Subscription) -> None:
    root.start_step(occurred_at=NOW)


def give_up(root: Subscription) -> None:
    root.give_up("cancel", attempts=40, last_error="time-out", occurred_at=NOW)


@pytest.mark.parametrize("request_", [cancel(), change()], ids=["cancel", "change"])
def test_an_ended_subscription_rejects_requests(request_: Any) -> None:
    given_ = known(ENDED)
    with pytest.raises(NotPossible, match="it is canceled"):
        given_.when(request_)


def test_one_thing_is_done_at_a_time() -> None:
    given_ = known(CANCEL)
    with pytest.raises(NotPossible, match="something else"):
        given_.when(change())


def test_another_action_may_be_requested_after_one_gave_up() -> None:
    known(CANCEL, STEP, GAVE_UP).when(change()).then(
        happened(s.SubscriptionChangeRequested, at_period_end=False)
    ).showing(gave_up=None)


def test_a_step_keeps_its_key_until_the_next_request() -> None:
    given_ = known(CANCEL)
    given_.when(start_step).then(
        happened(s.SubscriptionStepStarted, attempt=1, key=f"billhook:{AGGREGATE_ID}:cancel:1")
    )
    given_.when(start_step).then()
    given_.when(refuse)
    given_.when(cancel())
    given_.when(start_step).then(
        happened(s.SubscriptionStepStarted, attempt=2, key=f"billhook:{AGGREGATE_ID}:cancel:2")
    )


def test_what_is_done_is_done_once() -> None:
    given_ = known(CANCEL, STEP)
    given_.when(finish).then(happened(s.SubscriptionRequestDone, request_id=REQUEST_ID))
    given_.when(finish).then().showing(pending_request=None)
    given_.when(refuse).then()


def test_a_rejection_reason_is_shown_until_the_next_request() -> None:
    given_ = known(CANCEL, STEP)
    given_.when(refuse).showing(pending_request=None)
    assert given_.root.view.failure is not None
    assert given_.root.view.failure.code == "provider_rejected"
    given_.when(change()).showing(failure=None)


def test_a_change_with_the_period_waits_until_it_takes_place() -> None:
    given_ = known()
    given_.when(change(at_period_end=True))
    given_.when(finish).then(
        happened(s.SubscriptionChangeScheduled, starts_at=PERIOD[1]),
        happened(s.SubscriptionRequestDone, action="change"),
    )
    assert given_.root.view.scheduled is not None
    given_.when(apply_update(standing(as_of=PERIOD[0] + 5, period_end=PERIOD[1] + 5)))
    assert given_.root.view.scheduled is not None
    discounted = standing(as_of=PERIOD[1], discounts=(Discount(percent=Decimal("0.1")),))
    given_.when(apply_update(discounted)).showing(scheduled=None)


def test_a_change_that_took_place_before_it_was_recorded_does_not_wait() -> None:
    given_ = known()
    given_.when(change(at_period_end=True))
    items = (replace(MONTHLY, price="price_2", quantity=1),)
    given_.when(apply_update(standing(as_of=PERIOD[1], items=items)))
    given_.when(finish).then(happened(s.SubscriptionRequestDone)).showing(scheduled=None)


@pytest.mark.parametrize(
    "request_",
    [cancel(at_period_end=True), cancel(), change()],
    ids=["end with the period", "end now", "change now"],
)
def test_what_waits_is_called_off_by_what_is_done_after(request_: Any) -> None:
    given_ = known(happened(s.SubscriptionChangeScheduled))
    given_.when(request_)
    given_.when(finish).showing(scheduled=None)


def test_giving_up_and_sending_again_are_recorded_once() -> None:
    given_ = known(CANCEL, STEP)
    given_.when(give_up).then(happened(s.SubscriptionStepGaveUp, step="cancel"))
    given_.when(give_up).then()
    given_.when(lambda root: root.resend(actor="operator", occurred_at=NOW)).then(
        happened(s.SubscriptionStepResent, step="cancel")
    ).showing(gave_up=None)
    given_.when(lambda root: root.resend(actor="operator", occurred_at=NOW)).then()


def test_giving_up_without_a_pending_request_records_nothing() -> None:
    known().when(give_up).then()


def test_a_tenant_once_given_stays() -> None:
    nobody_s = Given(Subscription, happened(s.SubscriptionStarted, tenant_id=None))
    other = UUID(int=7)
    nobody_s.when(lambda root: root.assign(TENANT_ID, actor="app", occurred_at=NOW)).then(
        happened(s.SubscriptionAssigned, tenant_id=TENANT_ID)
    )
    nobody_s.when(lambda root: root.assign(other, actor="app", occurred_at=NOW)).then().showing(
        tenant_id=TENANT_ID
    )
