"""The agenda: what an account will do by itself, each thing at its time of the account's clock.

An operation plans (``plan(call, at=…, kind=…, object_id=…)``) and forgets (``cancel``). A kind is a
word with one handler, ``handler(call, due)``; a module lists its own in ``ACTIONS`` and
``registry.py`` puts them together, as it does with operations. The entries are rows of the
sandbox's file, so a restarted sandbox knows them.

What is due runs in order, each at its own time: ``call.now`` is the time it was planned for, so
objects and events carry that time even if the clock was moved a year ahead at once. A handler may
plan further entries; those that fall before the clock's new time run in the same sweep. The clock
comes first: every request, click and admin step sees an account whose due things have happened,
and ``Timekeeper`` runs them when nobody asks.

A handler that raises a StripeError has ended its entry; whether its changes stay is the error's
``keeps_changes`` (a declined card stays declined). Nobody is answered: events tell what happened.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from sqlite3 import Row
from typing import TYPE_CHECKING

import orjson

from sandbox.store import Json, load
from sandbox.stripe.errors import StripeError, keeps_changes

if TYPE_CHECKING:
    from sandbox.store import Store
    from sandbox.stripe.accounts import Account, Accounts
    from sandbox.stripe.call import Call

IDLE_S = 60.0
# Woken a little late, so that a clock's rounding cannot make it a little early.
MARGIN_S = 0.01
MOST_IN_A_SWEEP = 20_000


@dataclass(frozen=True)
class Due:
    """An entry: when, what, with which object, and what else its planner wanted it to know."""

    at: int
    kind: str
    object_id: str
    details: Json = field(default_factory=dict)


Handler = Callable[["Call", Due], None]
Actions = Mapping[str, Handler]


def plan(call: Call, *, at: int, kind: str, object_id: str, details: Json | None = None) -> None:
    """Puts something on the agenda; planned again, the same kind for the same object moves.

    A time that is past counts as now.
    """
    call.store.execute(
        "INSERT OR REPLACE INTO agenda (account, at, kind, object, details) VALUES (?, ?, ?, ?, ?)",
        call.account.id,
        max(at, call.now),
        kind,
        object_id,
        orjson.dumps(details or {}).decode(),
    )


def cancel(call: Call, *, object_id: str, kind: str | None = None) -> int:
    """Takes an object's entries from the agenda, of one kind or all; returns how many."""
    cursor = call.store.execute(
        "DELETE FROM agenda WHERE account=? AND object=? AND kind=coalesce(?, kind)",
        call.account.id,
        object_id,
        kind,
    )
    return cursor.rowcount


def planned(call: Call, *, object_id: str | None = None, kind: str | None = None) -> list[Due]:
    """Returns what is on the agenda, soonest first."""
    rows = call.store.rows(
        "SELECT * FROM agenda WHERE account=? AND object=coalesce(?, object)"
        " AND kind=coalesce(?, kind) ORDER BY at, place",
        call.account.id,
        object_id,
        kind,
    )
    return [_entry(row) for row in rows]


def run_now(call: Call, actions: Actions, *, object_id: str, kind: str | None = None) -> list[Due]:
    """Runs an object's entries now instead of at their time; returns them."""
    waiting = planned(call, object_id=object_id, kind=kind)
    for due in waiting:
        cancel(call, object_id=object_id, kind=due.kind)
        _run(call, actions, due)
    return waiting


def _entry(row: Row) -> Due:
    return Due(row["at"], row["kind"], row["object"], load(row["details"]))


def _run(call: Call, actions: Actions, due: Due) -> None:
    with suppress(StripeError), call.store.savepoint(keeps=keeps_changes):
        actions[due.kind](call, due)


class Agenda:
    """Runs what is due. ``calling``: makes the call of an account at a time."""

    def __init__(
        self, store: Store, actions: Actions, calling: Callable[[Account, int], Call]
    ) -> None:
        self._store = store
        self._calling = calling
        self.actions = actions

    def run_until(self, account: Account, moment: float) -> int:
        """Runs the account's entries up to a moment, inside the caller's transaction.

        Returns how many. Raises RuntimeError if they never end, which would be a handler's fault.
        """
        for count in range(MOST_IN_A_SWEEP):
            rows = self._store.rows(
                "SELECT * FROM agenda WHERE account=? AND at<=? ORDER BY at, place LIMIT 1",
                account.id,
                int(moment),
            )
            if not rows:
                return count
            due = _entry(rows[0])
            self._store.execute("DELETE FROM agenda WHERE place=?", rows[0]["place"])
            _run(self._calling(account, due.at), self.actions, due)
        raise RuntimeError(f"the agenda of {account.id} does not end")

    def catch_up(self, account: Account) -> int:
        """Runs what is due by the account's own clock."""
        return self.run_until(account, account.state.clock.now())

    def next_due(self) -> tuple[str, float] | None:
        """Returns the account whose clock reaches an entry first, and when in the machine's time.

        An account whose clock stands still reaches none.
        """
        # The first of each account is found by the index, however much is planned behind it.
        rows = self._store.rows(
            "SELECT id, (SELECT min(at) FROM agenda WHERE account=accounts.id)"
            " - json_extract(state, '$.clock.offset_s') AS due FROM accounts"
            " WHERE due IS NOT NULL AND json_extract(state, '$.clock.frozen_at') IS NULL"
            " ORDER BY due LIMIT 1"
        )
        return (rows[0]["id"], float(rows[0]["due"])) if rows else None


class Timekeeper:
    """The background task for real time: sleeps until the next entry of any account is due."""

    def __init__(
        self, store: Store, accounts: Accounts, agenda: Agenda, *, told: Callable[[], None]
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._agenda = agenda
        self._told = told
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Says that something may have been planned, or a clock moved."""
        self._news.set()

    async def run(self) -> None:
        """Runs what falls due until it is cancelled."""
        while True:
            self._news.clear()
            soonest = self._agenda.next_due()
            idle_s = IDLE_S if soonest is None else soonest[1] + MARGIN_S - time.time()
            if soonest is not None and idle_s <= 0:
                self._catch_up(soonest[0])
                await asyncio.sleep(0)
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), min(idle_s, IDLE_S))

    def _catch_up(self, account_id: str) -> None:
        with self._store.transaction():
            account = self._accounts.get(account_id)
            if account is not None:
                self._agenda.catch_up(account)
        self._told()
