"""Agenda of an account: scheduled actions, run at their time of the account's clock.

Entries are rows of the sandbox's file, so they survive a restart. Due entries run in order, each at
its scheduled time, even if the clock was moved a year ahead at once. Entries that they schedule run
in the same sweep if they fall before the clock's new time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.common.store import Store
from sandbox.mollie.core.accounts import Account
from sandbox.mollie.core.call import Call

MOST_IN_A_SWEEP = 20_000

Actions = Mapping[str, Callable[[Call, str], None]]


def plan(call: Call, kind: str, object_id: str, *, at: float) -> None:
    """Schedules an entry; an existing entry of the same kind and object is moved."""
    call.store.execute(
        "INSERT OR REPLACE INTO mollie_agenda (account, at, kind, object) VALUES (?, ?, ?, ?)",
        call.account.id,
        max(int(at), call.now),
        kind,
        object_id,
    )


def cancel(call: Call, kind: str, object_id: str) -> None:
    """Removes an entry from the agenda, if it exists."""
    call.store.execute(
        "DELETE FROM mollie_agenda WHERE account=? AND kind=? AND object=?",
        call.account.id,
        kind,
        object_id,
    )


class Agenda:
    """Runs due entries. ``calling``: creates the Call of an account at a time."""

    def __init__(
        self, store: Store, actions: Actions, calling: Callable[[Account, int], Call]
    ) -> None:
        self._store = store
        self._actions = actions
        self._calling = calling

    def catch_up(self, account: Account) -> None:
        """Runs the entries due by the account's clock, inside the caller's transaction."""
        for _ in range(MOST_IN_A_SWEEP):
            rows = self._store.rows(
                "SELECT * FROM mollie_agenda WHERE account=? AND at<=?"
                " ORDER BY at, position LIMIT 1",
                account.id,
                account.now(),
            )
            if not rows:
                return
            self._store.execute("DELETE FROM mollie_agenda WHERE position=?", rows[0]["position"])
            call = self._calling(account, rows[0]["at"])
            self._actions[rows[0]["kind"]](call, rows[0]["object"])
        raise RuntimeError(f"the agenda of {account.id} does not end")
