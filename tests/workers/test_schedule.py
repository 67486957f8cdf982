"""Test the scheduler's tasks; a failing task does not stop the others."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from domain.tenants.commands import SetTenant
from eventlog.bodies import Body
from eventlog.security.vault import Vault
from projections.engine.pool import open_pool
from projections.generations.runner import Projections
from projections.invoices.queries import InvoiceQueries
from projections.work.retention import expire_bodies
from projections.work.table import WorkTable
from tests.support.wait_until import until_async
from tests.workers.stripe_harness import Bench
from workers.schedule import Task, run_due, run_schedule, tasks, watch_work
from workers.settings import Settings

LIFE = timedelta(days=400)


def keep(bench: Bench, data: bytes, *, as_contact: bool) -> Body:
    body = Body.of(data, uuid4())
    tenant_id: UUID = body.tenant or uuid4()
    command = SetTenant(
        app_id=bench.app_id,
        tenant_id=tenant_id,
        contact_body=body.sha256.hex() if as_contact else None,
        customers={},
        actor="test",
    )
    bench.billing.set_tenant(command, occurred_at=bench.clock(), bodies=[body])
    return body


def age(database: str, days: int) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            "UPDATE eventlog.bodies SET created_at = created_at - make_interval(days => %s)", [days]
        )


async def project(database: str, bench: Bench, *, until: str = "tenants") -> None:
    """Run the projections up to the log's head."""
    stop = asyncio.Event()
    running = asyncio.create_task(Projections(database).run(stop))
    pool = await open_pool(database)
    assert await InvoiceQueries(pool).wait_for(until, bench.log.head(), 20)
    await pool.close()
    stop.set()
    await running


def test_old_provider_bodies_are_deleted_and_contact_data_is_kept(
    bench: Bench, database: str
) -> None:
    old = keep(bench, b"what the provider said", as_contact=False)
    contact_body = keep(bench, b"who the tenant is", as_contact=True)
    asyncio.run(project(database, bench))
    age(database, 401)
    fresh = keep(bench, b"said lately", as_contact=False)

    assert expire_bodies(database, life=LIFE) == 1

    assert bench.log.body(old.sha256) is None
    assert bench.log.body(contact_body.sha256) == b"who the tenant is"
    assert bench.log.body(fresh.sha256) == b"said lately"


def test_a_scheduled_task_runs_and_its_result_is_logged(database: str, bench: Bench) -> None:
    work = WorkTable(database, max_size=1)
    work.open()
    settings = Settings(database_url=database, master_keys=Vault.new_key())
    planned = tasks(settings, work, bench.billing)

    asyncio.run(run_due(planned))

    assert {task.name for task in planned} >= {"watch_work", "expire_bodies"}
    assert all(task.due_at_s > 0 for task in planned)
    assert watch_work(work) == 0
    work.close()


def test_the_schedule_runs_its_tasks_until_it_is_stopped(bench: Bench, database: str) -> None:
    old = keep(bench, b"what the provider said", as_contact=False)
    asyncio.run(project(database, bench))
    age(database, 401)

    async def scenario() -> None:
        stop = asyncio.Event()
        settings = Settings(database_url=database, reconcile=False)
        running = asyncio.create_task(run_schedule(settings, stop))

        async def is_expired() -> bool:
            return await asyncio.to_thread(bench.log.body, old.sha256) is None

        await until_async(is_expired)
        stop.set()
        await running

    asyncio.run(scenario())


def test_a_task_that_fails_leaves_the_others_their_turn() -> None:
    ran: list[str] = []

    def fail() -> int:
        raise RuntimeError("the database is away")

    def count() -> int:
        ran.append("second")
        return 1

    minute = timedelta(minutes=1)
    asyncio.run(run_due([Task("first", minute, fail), Task("second", minute, count)]))

    assert ran == ["second"]


def test_a_task_is_not_run_again_before_its_time() -> None:
    runs: list[int] = []

    def run() -> int:
        runs.append(1)
        return len(runs)

    task = Task("often", timedelta(hours=1), run)

    async def twice() -> None:
        await run_due([task])
        await run_due([task])

    asyncio.run(twice())

    assert runs == [1]


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
