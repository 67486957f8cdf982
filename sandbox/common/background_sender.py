"""Background task that sends due webhook deliveries, apart from API responses."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from contextlib import suppress
from sqlite3 import Row
from typing import ClassVar, Literal

import httpx

from sandbox.common.store import Store

AT_ONCE = 16
BATCH = 200
IDLE_S = 60.0


class BackgroundSender(ABC):
    """Sends due rows (``id``, ``batch``): concurrently, but rows of one batch in sequence."""

    TIMEOUT_S: ClassVar[float]

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._under_way: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(AT_ONCE)

    @abstractmethod
    def due_by(self, moment: float, *, limit: int) -> list[Row]:
        """Returns the rows due at or before a moment, earliest first."""

    @abstractmethod
    def next_due(self, *, after: float) -> float | None:
        """Returns the next due time after a moment, in the machine's time."""

    @abstractmethod
    async def send(self, client: httpx.AsyncClient, row: Row) -> None:
        """Makes one attempt and records its result."""

    def wake(self) -> None:
        """Wakes the task because new rows may be due."""
        self._news.set()

    async def run(self) -> None:
        """Sends due rows until the task is cancelled."""
        async with httpx.AsyncClient(timeout=self.TIMEOUT_S, trust_env=False) as client:
            try:
                while True:
                    self._news.clear()
                    # Both queries use one moment; otherwise a row that falls due between
                    # two readings of the clock would be found by neither.
                    moment = time.time()
                    self._start(client, moment)
                    soonest = self.next_due(after=moment)
                    idle = IDLE_S if soonest is None else max(0.0, soonest - time.time())
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), min(idle, IDLE_S))
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, client: httpx.AsyncClient, moment: float) -> None:
        groups: dict[str, list[Row]] = defaultdict(list)
        for row in self.due_by(moment, limit=BATCH + len(self._under_way)):
            if row["id"] not in self._under_way:
                groups[row["batch"] or str(row["id"])].append(row)
        for group in groups.values():
            self._under_way |= {row["id"] for row in group}
            task = asyncio.create_task(self._send_all(client, group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send_all(self, client: httpx.AsyncClient, group: list[Row]) -> None:
        try:
            for row in group:
                async with self._places:
                    await self.send(client, row)
        finally:
            self._under_way -= {row["id"] for row in group}
            self.wake()


async def attempt(
    client: httpx.AsyncClient, url: str, *, content: bytes, headers: dict[str, str]
) -> dict[str, object]:
    """Posts a webhook. Returns the attempt's record: at, status, error, duration_ms."""
    began = time.time()
    status, error = None, None
    try:
        answer = await client.post(url, content=content, headers=headers)
        status = answer.status_code
    except httpx.HTTPError as fault:
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
