"""Background task that sends due webhook deliveries, apart from API responses."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Collection
from sqlite3 import Row
from typing import ClassVar, Literal

import httpx

from sandbox.common.store import Store
from sandbox.common.wake_up import WakeUp
from sandbox.common.webhook_client import WebhookClient

AT_ONCE = 16
BATCH = 200
IDLE_S = 60.0


class BackgroundSender(ABC):
    """Sends due rows (``id``, ``batch``): concurrently, but rows of one batch in sequence."""

    TIMEOUT_S: ClassVar[float]

    def __init__(self) -> None:
        self._wake_up = WakeUp()
        self._under_way: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._has_more = False

    @abstractmethod
    def due_by(self, moment: float, *, without: Collection[int], limit: int) -> list[Row]:
        """Returns the rows due at or before a moment, earliest first, but for those ids."""

    @abstractmethod
    def next_due(self, *, after: float) -> float | None:
        """Returns the next due time after a moment, in the machine's time."""

    @abstractmethod
    async def send(self, client: WebhookClient, row: Row) -> bool:
        """Makes one attempt and records its result. Returns whether the row is due again."""

    def wake(self) -> None:
        """Wakes the task because new rows may be due."""
        self._wake_up.wake()

    async def run(self) -> None:
        """Sends due rows until the task is cancelled."""
        client = WebhookClient(timeout_s=self.TIMEOUT_S)
        try:
            while True:
                self._wake_up.clear()
                # Both queries use one moment; otherwise a row that falls due between
                # two readings of the clock would be found by neither.
                moment = time.time()
                self._start(client, moment)
                soonest = self.next_due(after=moment)
                idle = IDLE_S if soonest is None else max(0.0, soonest - time.time())
                await self._wake_up.sleep(min(idle, IDLE_S))
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            client.close()

    def _start(self, client: WebhookClient, moment: float) -> None:
        rows = self.due_by(moment, without=self._under_way, limit=BATCH)
        self._has_more = len(rows) == BATCH
        groups: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            groups[row["batch"] or str(row["id"])].append(row)
        for group in groups.values():
            self._under_way |= {row["id"] for row in group}
            task = asyncio.create_task(self._send_all(client, group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send_all(self, client: WebhookClient, group: list[Row]) -> None:
        unfinished = len(group)
        try:
            for row in group:
                async with self._places:
                    unfinished -= not await self.send(client, row)
        finally:
            self._under_way -= {row["id"] for row in group}
            if unfinished or self._has_more:
                self.wake()


async def attempt(
    client: WebhookClient, url: str, *, content: bytes, headers: dict[str, str]
) -> dict[str, object]:
    """Posts a webhook. Returns the attempt's record: at, status, error, duration_ms."""
    began = time.time()
    status, error = None, None
    try:
        status = await client.post(url, content=content, headers=headers)
    except (httpx.TransportError, httpx.InvalidURL) as fault:
        error = f"{type(fault).__name__}: {fault}"
    took_ms = round((time.time() - began) * 1000)
    return {"at": began, "status": status, "error": error, "duration_ms": took_ms}


Order = Literal["asis", "reverse", "shuffle"]


def release(
    store: Store,
    table: Literal["deliveries", "mollie_deliveries"],
    account: str,
    *,
    order: Order,
    seed: int,
) -> int:
    """Releases an account's held deliveries in sequence and order; returns their number."""
    rows = store.rows(
        f"SELECT id FROM {table} WHERE account=? AND state='held' ORDER BY id",  # noqa: S608 - one of two names
        account,
    )
    waiting = [int(row["id"]) for row in rows]
    if order == "reverse":
        waiting.reverse()
    elif order == "shuffle":
        random.Random(seed).shuffle(waiting)  # noqa: S311 - repeatable on purpose
    batch, now = secrets.token_hex(8), time.time()
    for index, delivery in enumerate(waiting):
        store.execute(
            f"UPDATE {table} SET state='pending', batch=?, due=? WHERE id=?",  # noqa: S608 - the same
            batch,
            now + index * 1e-6,
            delivery,
        )
    return len(waiting)
