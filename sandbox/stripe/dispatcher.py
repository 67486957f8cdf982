"""The background task that sends webhook deliveries; it never delays an answer of the API."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from contextlib import suppress
from sqlite3 import Row

import httpx
import orjson

from sandbox.record import Recorder
from sandbox.store import Json, Store
from sandbox.stripe import deliveries
from sandbox.stripe.accounts import Accounts, Webhooks

AT_ONCE = 16
BATCH = 200
TIMEOUT_S = 20.0
IDLE_S = 60.0


class Dispatcher:
    """Sends what is due: each on its own, but what was released together one by one."""

    def __init__(self, store: Store, accounts: Accounts, recorder: Recorder) -> None:
        self._store = store
        self._accounts = accounts
        self._recorder = recorder
        self._news = asyncio.Event()
        self._under_way: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(AT_ONCE)

    def wake(self) -> None:
        """Says that there may be something new to send."""
        self._news.set()

    async def run(self) -> None:
        """Sends until it is cancelled."""
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
            try:
                while True:
                    self._news.clear()
                    self._start(client)
                    soonest = deliveries.next_due(self._store)
                    idle = IDLE_S if soonest is None else max(0.0, soonest - time.time())
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), min(idle, IDLE_S))
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, client: httpx.AsyncClient) -> None:
        groups: dict[str, list[Row]] = defaultdict(list)
        for row in deliveries.due_now(self._store, limit=BATCH + len(self._under_way)):
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
                    await self._send(client, row)
        finally:
            self._under_way -= {row["id"] for row in group}
            self.wake()

    async def _send(self, client: httpx.AsyncClient, row: Row) -> None:
        account = self._accounts.get(row["account"])
        endpoint = self._store.get(row["account"], "webhook_endpoint", row["endpoint"])
        event = self._store.get(row["account"], "event", row["event"])
        if account is None or endpoint is None or event is None:
            self._store.execute("UPDATE deliveries SET state='failed' WHERE id=?", row["id"])
            return
        settings = account.state.webhooks
        attempt = await self._attempt(client, endpoint, event, settings=settings)
        with self._store.transaction():
            deliveries.finish(self._store, row, attempt, settings=settings)

    async def _attempt(
        self, client: httpx.AsyncClient, endpoint: Json, event: Json, *, settings: Webhooks
    ) -> Json:
        payload = orjson.dumps(event, option=orjson.OPT_INDENT_2)
        self._recorder.webhook(event)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": deliveries.signature(payload, endpoint["_secret"], settings),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        began = time.time()
        status, error = None, None
        try:
            answer = await client.post(endpoint["url"], content=payload, headers=headers)
            status = answer.status_code
        except httpx.HTTPError as fault:
            error = f"{type(fault).__name__}: {fault}"
        took_ms = round((time.time() - began) * 1000)
        return {"at": began, "status": status, "error": error, "duration_ms": took_ms}
