"""Run agenda entries: due ones by the account's clock, or chosen ones at once.

A kind of entry has one handler, ``handler(call, due)``; modules declare theirs in ``ACTIONS``,
which ``server/registry.py`` joins. Entries run in order of their time, with ``call.now`` set to it,
so that objects and events carry that time even if the clock was moved a year ahead at once. Entries
that a handler schedules before the clock's new time run in the same sweep. Every request, page
submission and admin action runs due entries first; ``Timekeeper`` runs them between requests.

An entry whose handler raises a StripeError is finished; the error's ``keeps_changes`` decides
whether its changes are committed (a declined card stays declined).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from sandbox.common.store import Store
from sandbox.stripe.core.accounts import Account
from sandbox.stripe.core.agenda import Due, cancel, entry_of, planned
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import StripeError, keeps_changes

MAX_ENTRIES_PER_SWEEP = 20_000

Handler = Callable[[Call, Due], None]
Actions = Mapping[str, Handler]


def run_now(call: Call, actions: Actions, *, object_id: str, kind: str | None = None) -> list[Due]:
    """Runs an object's entries now, before their time; returns them."""
    waiting = planned(call, object_id=object_id, kind=kind)
    for due in waiting:
        cancel(call, object_id=object_id, kind=due.kind)
        _run(call, actions, due)
    return waiting


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

        Returns their number. Raises RuntimeError if handlers schedule entries endlessly.
        """
        for count in range(MAX_ENTRIES_PER_SWEEP):
            rows = self._store.rows(
                "SELECT * FROM agenda WHERE account=? AND at<=? ORDER BY at, position LIMIT 1",
                account.id,
                int(moment),
            )
            if not rows:
                return count
            due = entry_of(rows[0])
            self._store.execute("DELETE FROM agenda WHERE position=?", rows[0]["position"])
            _run(self._calling(account, due.at), self.actions, due)
        raise RuntimeError(f"the agenda of {account.id} does not end")

    def catch_up(self, account: Account) -> int:
        """Runs the entries due by the account's clock."""
        return self.run_until(account, account.state.clock.now())
