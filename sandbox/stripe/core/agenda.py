"""Agenda of an account: scheduled actions, run at their time of the account's clock.

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

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from sqlite3 import Row
from typing import TYPE_CHECKING

import orjson

from sandbox.common.store import Json, load
from sandbox.stripe.core.errors import StripeError, keeps_changes

if TYPE_CHECKING:
    from sandbox.common.store import Store
    from sandbox.stripe.core.accounts import Account
    from sandbox.stripe.core.call import Call

MOST_IN_A_SWEEP = 20_000


@dataclass(frozen=True)
class Due:
    """An agenda entry: time, kind, object and details."""

    at: int
    kind: str
    object_id: str
    details: Json = field(default_factory=dict)


Handler = Callable[["Call", Due], None]
Actions = Mapping[str, Handler]


def plan(call: Call, *, at: int, kind: str, object_id: str, details: Json | None = None) -> None:
    """Schedules an entry; an existing entry of the same kind and object is moved.

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
    """Removes an object's entries from the agenda, of one kind or all; returns their number."""
    cursor = call.store.execute(
        "DELETE FROM agenda WHERE account=? AND object=? AND kind=coalesce(?, kind)",
        call.account.id,
        object_id,
        kind,
    )
    return cursor.rowcount


def planned(call: Call, *, object_id: str | None = None, kind: str | None = None) -> list[Due]:
    """Returns the agenda's entries, earliest first."""
    rows = call.store.rows(
        "SELECT * FROM agenda WHERE account=? AND object=coalesce(?, object)"
        " AND kind=coalesce(?, kind) ORDER BY at, place",
        call.account.id,
        object_id,
        kind,
    )
    return [_entry(row) for row in rows]


def run_now(call: Call, actions: Actions, *, object_id: str, kind: str | None = None) -> list[Due]:
    """Runs an object's entries now, before their time; returns them."""
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
    """Runs due entries. ``calling``: creates the Call of an account at a time."""

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
        """Runs the entries due by the account's clock."""
        return self.run_until(account, account.state.clock.now())
