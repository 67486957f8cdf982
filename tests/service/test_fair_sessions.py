"""Slow queries of one app use half of the database sessions; all others are served meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Any, Self
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.sql import SQL

from eventlog.database.fair_share import FairShare, session_holder
from service.http.limits import UNAUTHENTICATED
from tests.service.dashboard.visits import Visit
from tests.service.harness import Shop, stripe_event
from tests.service.running_service import Service

_LOCK = 4711
_WAIT = SQL("SELECT pg_advisory_xact_lock_shared({})").format(SQL(str(_LOCK)))
_MORE_THAN_ANY_POOL = 20


async def _wait(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.execute(_WAIT)


class SlowQueries:
    """More queries than there are sessions, of one holder, which wait for a lock of this test."""

    def __init__(self, service: Service, holder: Hashable) -> None:
        self._service = service
        self._holder = holder
        self._lock = psycopg.connect(service.database)
        self._tasks: list[asyncio.Future[Any]] = []

    def __enter__(self) -> Self:
        self._lock.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        self._service.call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()
        self._service.call(self._finish())

    def are_all_waiting(self) -> bool:
        return not any(task.done() for task in self._tasks)

    async def _start(self) -> None:
        session_holder.set(self._holder)
        recording = self._service.context.recording
        pool, log = recording.read_model._pool, recording.log  # noqa: SLF001
        for _ in range(_MORE_THAN_ANY_POOL):
            self._tasks.append(asyncio.create_task(pool.fetch(_WAIT)))
            self._tasks.append(asyncio.create_task(log._reads.run(_wait)))  # noqa: SLF001

    async def _finish(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)


def test_slow_queries_of_an_app_leave_sessions_to_others(service: Service, shop: Shop) -> None:
    with SlowQueries(service, "a slow app") as slow:
        assert shop.get(f"{shop.url}/invoices").status_code == 200
        assert shop.get(shop.tenant_url).status_code == 200
        assert shop.deliver(stripe_event()).status_code == 200
        assert slow.are_all_waiting()


def test_keys_are_verified_while_all_sessions_are_in_use(service: Service) -> None:
    with SlowQueries(service, None):
        service.call(service.context.auth.access.look())


def test_queries_of_a_request_count_for_its_caller(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(service, provider="mollie", connection="mollie-1")
    holders: set[Hashable] = set()

    @asynccontextmanager
    async def hold(_: FairShare, *, timeout_s: float) -> AsyncIterator[None]:
        assert timeout_s > 0
        holders.add(session_holder.get())
        yield

    monkeypatch.setattr(FairShare, "hold", hold)
    visit = Visit(service)
    visit.sign_in(shop.keys["read"])
    cases: list[tuple[Callable[[], httpx.Response], Hashable]] = [
        (lambda: shop.get(f"{shop.url}/invoices"), shop.app_id),
        (lambda: visit.get("/dashboard/invoices"), shop.app_id),
        (lambda: service.request("POST", f"/webhooks/mollie/{uuid4()}"), UNAUTHENTICATED),
        (
            lambda: service.request("POST", shop.webhook_url, data={"id": "tr_unknown"}),
            ("webhooks", shop.connection_id),
        ),
    ]
    for send, holder in cases:
        holders.clear()
        assert send().status_code == 200
        assert holder in holders
