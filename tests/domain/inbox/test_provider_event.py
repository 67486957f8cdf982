"""The inbox: one entry per provider event."""

from typing import Any

import pytest

from domain.inbox.commands import ReceiveProviderEvent
from domain.inbox.provider_event import (
    ProviderEvent,
    ProviderEventApplied,
    ProviderEventParked,
    ProviderEventReceived,
    ProviderEventReplayRequested,
)
from tests.domain.event_examples import EXAMPLES
from tests.domain.given import AGGREGATE_ID, START, Given, happened, moment
from tests.domain.subscription_examples import APP_ID, INVOICE_ID, REQUEST_ID

RECEIVED = happened(ProviderEventReceived)
APPLIED = happened(ProviderEventApplied)
PARKED = happened(ProviderEventParked)
REPLAY = happened(ProviderEventReplayRequested)
EFFECTS = [{"invoice": str(INVOICE_ID), "effect": "changed"}]
NOW = moment(60)


def _apply(entry: ProviderEvent) -> None:
    entry.record_applied(EFFECTS, occurred_at=NOW, actor="apply")


def _park(entry: ProviderEvent) -> None:
    entry.park("unknown invoice", retry=True, occurred_at=NOW, actor="apply")


def test_a_delivery_is_stored_as_it_was_received() -> None:
    fields = EXAMPLES[ProviderEventReceived]
    command = ReceiveProviderEvent(event_id=AGGREGATE_ID, **fields)
    entry = ProviderEvent.receive(command, occurred_at=START)
    assert entry.pending_events == [ProviderEvent.received_event(command, occurred_at=START)]
    (
        Given.made(entry)
        .when(lambda _: None)
        .then(happened(ProviderEventReceived, originator_id=AGGREGATE_ID, **fields))
        .showing(applied=False, parked=0)
    )


def test_applying_closes_the_entry_and_records_the_effects() -> None:
    (
        Given(ProviderEvent, RECEIVED)
        .when(_apply)
        .then(
            happened(
                ProviderEventApplied,
                type="invoice.paid",
                provider_event_id="evt_1",
                effects=EFFECTS,
                actor="apply",
            )
        )
        .showing(applied=True)
    )


@pytest.mark.parametrize("again", [_apply, _park])
def test_an_applied_entry_stays_applied(again: object) -> None:
    assert callable(again)
    Given(ProviderEvent, RECEIVED, APPLIED).when(again).then().showing(applied=True, parked=0)


def test_parking_keeps_the_reason_and_leaves_the_entry_open() -> None:
    (
        Given(ProviderEvent, RECEIVED)
        .when(_park)
        .then(happened(ProviderEventParked, app_id=APP_ID, reason="unknown invoice", retry=True))
        .showing(applied=False, parked=1)
    )


def test_a_parked_entry_can_be_applied_later() -> None:
    Given(ProviderEvent, RECEIVED, PARKED).when(_apply).then(APPLIED).showing(applied=True)


def test_every_parking_is_counted() -> None:
    Given(ProviderEvent, RECEIVED, PARKED).when(_park).then(PARKED).showing(parked=2)


def _replay(entry: ProviderEvent) -> None:
    entry.request_replay(REQUEST_ID, occurred_at=NOW, actor="key:1")


@pytest.mark.parametrize("before", [(), (APPLIED,), (PARKED,), (REPLAY,)], ids=len)
def test_each_replay_request_is_recorded_in_any_state(before: Any) -> None:
    (
        Given(ProviderEvent, RECEIVED, *before)
        .when(_replay)
        .then(
            happened(
                ProviderEventReplayRequested, app_id=APP_ID, request_id=REQUEST_ID, actor="key:1"
            )
        )
        .showing(due=True, applied=False)
    )


@pytest.mark.parametrize("act", [_apply, _park], ids=["applied", "parked"])
def test_a_replayed_entry_is_due_until_it_is_applied_or_parked_once_more(act: Any) -> None:
    Given(ProviderEvent, RECEIVED, APPLIED, REPLAY).when(act).then(
        APPLIED if act is _apply else PARKED
    ).showing(due=False, applied=act is _apply)


def test_a_replay_is_applied_once() -> None:
    Given(ProviderEvent, RECEIVED, APPLIED, REPLAY, APPLIED).when(_apply).then().showing(due=False)
