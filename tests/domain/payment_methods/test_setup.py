"""A setup opens one page, believes only its own, and ends once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.core.effects import Effect
from domain.gateway.setups import ProviderMethod, SetupSession
from domain.payment_methods import events as s
from domain.payment_methods import setup as m
from domain.payment_methods import view as v
from domain.payment_methods.commands import RequestSetup
from domain.payment_methods.setup import MethodSetup
from tests.domain.given import AGGREGATE_ID, Given, Happened, happened, moment
from tests.domain.setup_examples import EXPIRES_AT, URL
from tests.domain.subscription_examples import APP_ID, CONNECTION_ID, TENANT_ID

SETUP_REQUESTED = happened(s.SetupRequested)
STARTED = happened(s.SetupStepStarted)
OPENED = happened(s.SetupOpened)
SUBMITTED = happened(s.SetupSubmitted)
COMPLETED = happened(s.SetupCompleted)
REJECTED = happened(s.SetupRejected)
EXPIRED = happened(s.SetupExpired)
REVOKED = happened(s.SetupRevoked, payment_method="pm_1", source="webhook")
GAVE_UP = happened(s.SetupGaveUp)

PAGE = SetupSession(
    id="cs_1", state="open", customer="cus_1", expires_at=EXPIRES_AT, livemode=False, url=URL
)
LEFT = replace(PAGE, state="complete", url="")
OVER = replace(PAGE, state="expired", url="")
GONE = replace(LEFT, is_method_gone=True)
CARD = ProviderMethod(id="pm_1", type="card", brand="visa", last4="4242")

STORIES: dict[str, tuple[Happened, ...]] = {
    v.REQUESTED: (),
    v.OPEN: (OPENED,),
    v.SUBMITTED: (OPENED, SUBMITTED),
    v.COMPLETED: (OPENED, SUBMITTED, COMPLETED),
    v.EXPIRED: (OPENED, EXPIRED),
    v.REJECTED: (REJECTED,),
    v.REVOKED: (OPENED, SUBMITTED, COMPLETED, REVOKED),
}


def given(*facts: Happened) -> Given[MethodSetup]:
    return Given(MethodSetup, SETUP_REQUESTED, *facts)


def record_session(setup: MethodSetup, session: SetupSession) -> Effect:
    return setup.record_session(
        session, source="webhook", actor="webhook:evt_1", occurred_at=moment(9)
    )


def test_a_request_opens_no_page_yet() -> None:
    command = RequestSetup(
        setup_id=AGGREGATE_ID,
        app_id=APP_ID,
        tenant_id=TENANT_ID,
        provider="stripe",
        connection="main",
        connection_id=CONNECTION_ID,
        mode="test",
        redirect_url="https://shop.example/saved",
        request_hash="4a5h",
        actor="key:1",
    )
    made = MethodSetup.request(command, occurred_at=moment(0))
    Given.made(made).when(lambda _: None).then(SETUP_REQUESTED).showing(
        status=v.REQUESTED, url=None
    )


def test_what_every_status_is_folded_from() -> None:
    assert set(STORIES) == set(v.STATUSES)
    for status, story in STORIES.items():
        given(*story).when(lambda _: None).showing(status=status)


def test_the_page_that_was_opened_is_shown_until_it_is_over() -> None:
    shown = given(STARTED).when(lambda setup: record_session(setup, PAGE)).answering(Effect.CHANGED)
    shown.then(happened(s.SetupOpened, session_id="cs_1", url=URL)).showing(
        url=URL, customer="cus_1"
    )
    given(OPENED).when(lambda setup: record_session(setup, LEFT)).showing(url=None)
    given(OPENED).when(lambda setup: record_session(setup, OVER)).showing(url=None)


TABLE = [
    (v.REQUESTED, LEFT, Effect.CHANGED, [SUBMITTED]),
    (v.REQUESTED, OVER, Effect.STALE, []),
    (v.OPEN, PAGE, Effect.CONFIRMED, []),
    (v.OPEN, LEFT, Effect.CHANGED, [SUBMITTED]),
    (v.OPEN, OVER, Effect.CHANGED, [EXPIRED]),
    (v.SUBMITTED, PAGE, Effect.STALE, []),
    (v.SUBMITTED, LEFT, Effect.CONFIRMED, []),
    (v.SUBMITTED, OVER, Effect.STALE, []),
    (v.COMPLETED, LEFT, Effect.CONFIRMED, []),
    (v.COMPLETED, OVER, Effect.STALE, []),
    (v.COMPLETED, GONE, Effect.CHANGED, [REVOKED]),
    (v.SUBMITTED, GONE, Effect.CONFIRMED, []),
    (v.REVOKED, GONE, Effect.CONFIRMED, []),
    (v.REVOKED, LEFT, Effect.CONFIRMED, []),
    (v.EXPIRED, PAGE, Effect.STALE, []),
    (v.EXPIRED, LEFT, Effect.STALE, []),
    (v.EXPIRED, OVER, Effect.CONFIRMED, []),
    (v.REJECTED, LEFT, Effect.STALE, []),
    (v.REJECTED, OVER, Effect.STALE, []),
]


@pytest.mark.parametrize(
    ("status", "session", "effect", "facts"),
    TABLE,
    ids=[f"{session.state} told of {status}" for status, session, _, _ in TABLE],
)
def test_each_final_state_is_permanent_and_recorded_once(
    status: str, session: SetupSession, effect: Effect, facts: list[Happened]
) -> None:
    given(*STORIES[status]).when(lambda setup: record_session(setup, session)).then(
        *facts
    ).answering(effect)


@pytest.mark.parametrize("session", [PAGE, LEFT, OVER], ids=lambda session: session.state)
def test_another_page_than_the_one_that_was_shown_changes_nothing(session: SetupSession) -> None:
    other = replace(session, id="cs_2")
    given(OPENED).when(lambda setup: record_session(setup, other)).then().answering(Effect.STALE)


def test_a_step_keeps_its_key_and_plan_until_a_new_attempt() -> None:
    plan = m.OpenPagePlan(customer="cus_1")
    key = f"billhook:{AGGREGATE_ID}:open:"
    (
        given()
        .when(lambda setup: setup.start_step(m.OPEN_PAGE, occurred_at=moment(1), plan=plan))
        .then(happened(s.SetupStepStarted, key=f"{key}1", plan={"customer": "cus_1"}))
        .when(
            lambda setup: setup.start_step(
                m.OPEN_PAGE, occurred_at=moment(9), plan=m.OpenPagePlan(customer="cus_2")
            )
        )
        .then()
        .when(lambda setup: setup.step_age(m.OPEN_PAGE, occurred_at=moment(9)))
        .answering(timedelta(seconds=8))
        .when(
            lambda setup: setup.start_step(m.OPEN_PAGE, occurred_at=moment(9), plan=plan, attempt=2)
        )
        .then(happened(s.SetupStepStarted, key=f"{key}2"))
    )


def test_what_was_left_becomes_the_default_once() -> None:
    (
        given(OPENED, SUBMITTED)
        .when(lambda setup: setup.record_completed(CARD, occurred_at=moment(3)))
        .then(COMPLETED)
        .showing(method={"id": "pm_1", "type": "card", "brand": "visa", "last4": "4242"})
        .when(lambda setup: setup.record_completed(CARD, occurred_at=moment(4)))
        .then()
    )


@pytest.mark.parametrize("status", list(STORIES))
def test_only_what_is_under_way_is_refused_or_given_up(status: str) -> None:
    facts = {"code": "provider_rejected", "message": "no"}
    under_way = status in (v.REQUESTED, v.SUBMITTED)
    (
        given(*STORIES[status])
        .when(
            lambda setup: setup.give_up(attempts=3, last_error="no answer", occurred_at=moment(5))
        )
        .then(*[happened(s.SetupGaveUp, attempts=3)] * under_way)
        .when(lambda setup: setup.reject(occurred_at=moment(6), **facts))
        .then(*[happened(s.SetupRejected, **facts)] * under_way)
    )


@pytest.mark.parametrize(
    ("status", "step"), [(v.REQUESTED, m.OPEN_PAGE), (v.SUBMITTED, m.DEFAULTING)]
)
def test_what_gave_up_can_be_sent_again(status: str, step: str) -> None:
    (
        given(*STORIES[status])
        .when(lambda setup: setup.resend(actor="operator", occurred_at=moment(5)))
        .then()
        .when(
            lambda setup: setup.give_up(attempts=3, last_error="no answer", occurred_at=moment(6))
        )
        .then(happened(s.SetupGaveUp, step=step))
        .when(
            lambda setup: setup.give_up(attempts=3, last_error="no answer", occurred_at=moment(7))
        )
        .then()
        .when(lambda setup: setup.resend(actor="operator", occurred_at=moment(8)))
        .then(happened(s.SetupResent, step=step))
        .showing(gave_up=None)
    )


def test_a_page_that_opens_after_all_is_not_given_up() -> None:
    given(STARTED, GAVE_UP).when(lambda setup: record_session(setup, PAGE)).then(OPENED).showing(
        gave_up=None
    )
