"""Background task that runs agenda entries when an account's clock reaches them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Literal

from sandbox.common.store import Store
from sandbox.common.wake_up import WakeUp

IDLE_S = 60.0
# Wakes slightly late, so that clock rounding cannot make it early.
MARGIN_S = 0.01


class Timekeeper:
    """Runs the agenda entries of all accounts when they fall due.

    ``catch_up``: runs the due entries of an account id; called in a transaction.
    """

    def __init__(
        self,
        store: Store,
        table: Literal["agenda", "mollie_agenda"],
        *,
        catch_up: Callable[[str], None],
    ) -> None:
        self._store = store
        self._table = table
        self._catch_up = catch_up
        self._wake_up = WakeUp()

    def wake(self) -> None:
        """Wakes the task because an entry was planned or a clock moved."""
        self._wake_up.wake()

    async def run(self) -> None:
        """Runs due entries until the task is cancelled."""
        while True:
            self._wake_up.clear()
            soonest = self.next_due()
            idle_s = IDLE_S if soonest is None else soonest[1] + MARGIN_S - time.time()
            if soonest is not None and idle_s <= 0:
                with self._store.transaction():
                    self._catch_up(soonest[0])
                await asyncio.sleep(0)
                continue
            await self._wake_up.sleep(min(idle_s, IDLE_S))

    def next_due(self) -> tuple[str, float] | None:
        """Returns the account with the earliest due entry, and its time on the machine's clock.

        Accounts with a frozen clock are ignored.
        """
        # The index finds each account's first entry, independent of the number of later entries.
        rows = self._store.rows(
            f"SELECT id, (SELECT min(at) FROM {self._table} WHERE account=accounts.id)"  # noqa: S608 - one of two names
            " - json_extract(state, '$.clock.offset_s') AS due FROM accounts"
            " WHERE due IS NOT NULL AND json_extract(state, '$.clock.frozen_at') IS NULL"
            " ORDER BY due LIMIT 1"
        )
        return (rows[0]["id"], float(rows[0]["due"])) if rows else None
