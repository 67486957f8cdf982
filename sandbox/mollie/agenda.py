"""What an account will do by itself, each thing at its time of the account's clock.

``plan`` and ``cancel`` keep rows of the sandbox's file, so a restarted sandbox knows them. What is
due runs in order, each at the time it was planned for, even if the clock was moved a year ahead at
once; what it plans in turn runs in the same sweep if it falls before the clock's new time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from sandbox.mollie.accounts import Account, Accounts
from sandbox.mollie.call import Call
from sandbox.store import Store

IDLE_S = 60.0
# Woken a little late, so that a clock's rounding cannot make it a little early.
MARGIN_S = 0.01
MOST_IN_A_SWEEP = 20_000

Actions = Mapping[str, Callable[[Call, str], None]]


def plan(call: Call, kind: str, object_id: str, *, at: float) -> None:
    """Puts something on the agenda; planned again, the same kind for the same object moves."""
    call.store.execute(
        "INSERT OR REPLACE INTO mollie_agenda (account, at, kind, object) VALUES (?, ?, ?, ?)",
        call.account.id,
        max(int(at), call.now),
        kind,
        object_id,
    )


def cancel(call: Call, kind: str, object_id: str) -> None:
    """Takes something off the agenda, if it is there."""
    call.store.execute(
        "DELETE FROM mollie_agenda WHERE account=? AND kind=? AND object=?",
        call.account.id,
        kind,
        object_id,
    )


class Agenda:
    """Runs what is due: when somebody asks (``catch_up``), and when nobody does (``run``)."""

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        actions: Actions,
        *,
        calling: Callable[[Account, int], Call],
        told: Callable[[], None],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._actions = actions
        self._calling = calling
        self._told = told
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Says that something may have been planned, or a clock moved."""
        self._news.set()

    def catch_up(self, account: Account) -> None:
        """Runs what is due by the account's clock, inside the caller's transaction."""
        for _ in range(MOST_IN_A_SWEEP):
            rows = self._store.rows(
                "SELECT * FROM mollie_agenda WHERE account=? AND at<=? ORDER BY at, place LIMIT 1",
                account.id,
                account.now(),
            )
            if not rows:
                return
            self._store.execute("DELETE FROM mollie_agenda WHERE place=?", rows[0]["place"])
            call = self._calling(account, rows[0]["at"])
            self._actions[rows[0]["kind"]](call, rows[0]["object"])
        raise RuntimeError(f"the agenda of {account.id} does not end")

    async def run(self) -> None:
        """Runs what falls due while nobody asks, until it is cancelled."""
        while True:
            self._news.clear()
            account, due = self._next_due()
            idle_s = IDLE_S if account is None else due + MARGIN_S - time.time()
            if account is not None and idle_s <= 0:
                with self._store.transaction():
                    self.catch_up(account)
                self._told()
                await asyncio.sleep(0)
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), min(idle_s, IDLE_S))

    def _next_due(self) -> tuple[Account | None, float]:
        """Returns whose clock reaches an entry first, and when; one that stands reaches none."""
        row = self._store.rows(
            "SELECT accounts.id AS account,"
            " min(at - json_extract(state, '$.clock.offset_s')) AS due"
            " FROM mollie_agenda JOIN accounts ON accounts.id=mollie_agenda.account"
            " WHERE json_extract(state, '$.clock.frozen_at') IS NULL"
        )[0]
        if row["due"] is None:
            return None, 0.0
        return self._accounts.get(row["account"]), float(row["due"])
