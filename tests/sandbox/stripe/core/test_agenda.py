"""The agenda by itself, in memory: order, times, and what handlers may do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from sandbox.common.store import Store
from sandbox.common.timekeeper import Timekeeper
from sandbox.stripe.core import agenda
from sandbox.stripe.core.accounts import Account, Accounts
from sandbox.stripe.core.agenda import Due
from sandbox.stripe.core.agenda_runner import Agenda, run_now
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import Declined, InvalidRequest

DAY_S = 86400


@dataclass
class RecordingAgenda:
    """An account with an agenda whose handlers note what they were called with."""

    store: Store
    account: Account
    ran: list[tuple[int, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.agenda = Agenda(
            self.store,
            {
                "note": self._note,
                "again": self._again,
                "refused": self._refused,
                "declined": self._declined,
            },
            lambda account, now: Call(self.store, account, now, "http://sandbox"),
        )

    def call(self, now: int = 0) -> Call:
        return Call(self.store, self.account, now, "http://sandbox")

    def _note(self, call: Call, due: Due) -> None:
        self.ran.append((call.now, due.kind, due.object_id))

    def _again(self, call: Call, due: Due) -> None:
        self._note(call, due)
        agenda.plan(call, at=call.now + DAY_S, kind="again", object_id=due.object_id)

    def _refused(self, call: Call, due: Due) -> None:
        agenda.plan(call, at=call.now, kind="note", object_id=f"left by {due.object_id}")
        raise InvalidRequest("No.")

    def _declined(self, call: Call, due: Due) -> None:
        agenda.plan(call, at=call.now, kind="note", object_id=f"left by {due.object_id}")
        raise Declined("No.")


@pytest.fixture
def recording() -> Iterator[RecordingAgenda]:
    store = Store(None)
    yield RecordingAgenda(store, Accounts(store).open("sk_test_agenda_desk"))
    store.close()


def test_what_is_due_runs_in_order_and_each_at_its_time(recording: RecordingAgenda) -> None:
    for at, name in ((30, "c"), (10, "a"), (20, "b"), (10, "second at ten"), (31, "later")):
        agenda.plan(recording.call(), at=at, kind="note", object_id=name)
    assert recording.agenda.run_until(recording.account, 30.9) == 4
    names = [(10, "a"), (10, "second at ten"), (20, "b"), (30, "c")]
    assert recording.ran == [(at, "note", name) for at, name in names]
    assert [due.object_id for due in agenda.planned(recording.call())] == ["later"]


def test_what_a_handler_plans_runs_in_the_same_sweep_at_its_own_time(
    recording: RecordingAgenda,
) -> None:
    agenda.plan(recording.call(), at=0, kind="again", object_id="daily")
    agenda.plan(recording.call(), at=2 * DAY_S + 1, kind="note", object_id="between")
    recording.agenda.run_until(recording.account, 4 * DAY_S)
    assert [at for at, kind, _ in recording.ran if kind == "again"] == [
        day * DAY_S for day in range(5)
    ]
    assert recording.ran.index((2 * DAY_S + 1, "note", "between")) == 3
    assert agenda.planned(recording.call())[0].at == 5 * DAY_S


def test_planned_again_it_moves_and_canceled_it_never_runs(recording: RecordingAgenda) -> None:
    agenda.plan(recording.call(), at=10, kind="note", object_id="a", details={"try": 1})
    agenda.plan(recording.call(), at=20, kind="note", object_id="a", details={"try": 2})
    assert agenda.planned(recording.call(), object_id="a") == [Due(20, "note", "a", {"try": 2})]
    assert agenda.cancel(recording.call(), object_id="a", kind="again") == 0
    assert agenda.cancel(recording.call(), object_id="a") == 1
    assert recording.agenda.run_until(recording.account, 100) == 0


def test_what_is_planned_for_the_past_is_due_now(recording: RecordingAgenda) -> None:
    agenda.plan(recording.call(now=50), at=10, kind="note", object_id="a")
    recording.agenda.run_until(recording.account, 50)
    assert recording.ran == [(50, "note", "a")]


def test_a_refusal_ends_an_entry_and_undoes_it_unless_it_keeps_its_changes(
    recording: RecordingAgenda,
) -> None:
    agenda.plan(recording.call(), at=10, kind="refused", object_id="a")
    agenda.plan(recording.call(), at=11, kind="declined", object_id="b")
    agenda.plan(recording.call(), at=12, kind="note", object_id="c")
    with recording.store.transaction():
        recording.agenda.run_until(recording.account, 12)
    assert recording.ran == [(11, "note", "left by b"), (12, "note", "c")]


def test_an_entry_can_be_run_before_its_time(recording: RecordingAgenda) -> None:
    agenda.plan(recording.call(), at=DAY_S, kind="note", object_id="a")
    run_now(recording.call(now=7), recording.agenda.actions, object_id="a")
    assert recording.ran == [(7, "note", "a")]
    assert recording.agenda.run_until(recording.account, DAY_S) == 0


def test_the_next_due_is_in_the_machines_time_and_standing_clocks_have_none(
    recording: RecordingAgenda,
) -> None:
    agenda.plan(recording.call(), at=10_000, kind="note", object_id="a")
    recording.account.state.clock.offset_s = 4_000
    Accounts(recording.store).save(recording.account)
    keeper = Timekeeper(recording.store, "agenda", catch_up=lambda _: None)
    assert keeper.next_due() == (recording.account.id, 6_000)
    recording.account.state.clock.frozen_at = 0
    Accounts(recording.store).save(recording.account)
    assert keeper.next_due() is None
