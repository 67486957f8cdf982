"""A provider that hangs costs its own jobs alone: they wait uncounted, and lookups go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from domain.apps.commands import SetConnection
from domain.apps.connection import secret_context
from eventlog.security.vault import Vault
from projections.work.breakers import open_breakers
from projections.work.notifier import WorkNotifier
from projections.work.provider_lookup import ProviderLookupClient
from projections.work.table import WorkTable
from service.http.errors import ProviderUnavailable
from service.recording.provider_lookup import ProviderLookups
from service.recording.waits import Waits
from tests.support.sandbox import SandboxProcess, wait_for
from tests.support.stripe_account import Account
from tests.support.wait_until import DEADLINE_S
from tests.workers.queue.test_rate_limited_jobs import MASTER_KEY, connect
from tests.workers.stripe_harness import Bench
from workers.queue.broker import open_broker
from workers.queue.dispatch import Dispatcher
from workers.queue.run import JobRunner, run_workers
from workers.runtime import Runtime, open_runtime
from workers.settings import Settings

MOST_TIMEOUTS = 2


@pytest.fixture
def settings(bench: Bench, redis_url: str) -> Settings:
    return Settings(
        database_url=bench.log.dsn,
        redis_url=redis_url,
        master_keys=SecretStr(MASTER_KEY),
        stripe_api_base=bench.account.url,
        threads=16,
        lookup_threads=2,
        breaker_timeouts=MOST_TIMEOUTS,
        breaker_probe_s=3600,
    )


@pytest.fixture
def runtime(bench: Bench, settings: Settings) -> Iterator[Runtime]:
    with open_runtime(settings) as opened:
        connect(bench, opened)
        yield opened


def open_job(bench: Bench, invoice_id: UUID) -> None:
    with psycopg.connect(bench.log.dsn, autocommit=True) as session:
        session.execute(
            "INSERT INTO work.jobs (key, app, queue, actor, args)"
            " VALUES (%s, %s, 'requests', 'charge_invoice', %s)",
            [str(invoice_id), bench.app_id, Jsonb({"invoice_id": str(invoice_id)})],
        )


def work_once(runtime: Runtime) -> int:
    """Send what is due and run it; its number."""
    jobs, due = JobRunner(runtime), runtime.work.take_due(limit=10)
    for job in due:
        jobs.run(job.id, job.sends)
    return len(due)


def change(bench: Bench, statement: str) -> None:
    with psycopg.connect(bench.log.dsn, autocommit=True) as session:
        session.execute(statement.encode())


def tries(bench: Bench) -> int:
    with psycopg.connect(bench.log.dsn) as session:
        row = session.execute("SELECT tries FROM work.jobs").fetchone()
    assert row is not None
    return int(row[0])


async def look_up(database: str, app_id: UUID, **args: str) -> dict[str, str]:
    """Look up a document's URL through a worker, as the service does."""
    channel = ProviderLookupClient(database)
    await channel.open()
    lookups = ProviderLookups(
        channel, vault=Vault([MASTER_KEY]), waits=Waits(), timeout_s=DEADLINE_S
    )
    try:
        return await lookups.request(app_id, "document", args)
    finally:
        await channel.close()


def test_a_connection_that_answers_nothing_is_called_no_more_and_its_jobs_wait_uncounted(
    bench: Bench, runtime: Runtime
) -> None:
    invoice_id = bench.request(bench.add_tenant())
    open_job(bench, invoice_id)
    bench.account.admin.add_fault("refuse_before", times=1000)
    for _ in range(MOST_TIMEOUTS):
        assert work_once(runtime) == 1
        change(bench, "UPDATE work.jobs SET due_at = now()")
    assert [it.connection for it in open_breakers(bench.log.dsn)] == [bench.connection]
    calls = len(bench.account.admin.requests())

    assert work_once(runtime) == 0
    assert tries(bench) == MOST_TIMEOUTS
    assert len(bench.account.admin.requests()) == calls

    bench.account.admin.drop_faults()
    change(bench, "UPDATE work.breakers SET probe_at = now()")
    assert work_once(runtime) == 1
    assert open_breakers(bench.log.dsn) == []
    assert bench.invoice(invoice_id).view.status == "paid"
    assert bench.account.charged() == [1999]


def test_a_worker_stops_without_its_database(redis_url: str) -> None:
    settings = Settings(
        database_url="postgresql://nobody@127.0.0.1:1/none",
        redis_url=redis_url,
        master_keys=SecretStr(MASTER_KEY),
    )
    stop = threading.Event()
    stop.set()
    run_workers(settings, stop)


@contextmanager
def working(settings: Settings) -> Iterator[None]:
    """A worker process's threads and a dispatcher, in threads of the test."""
    stop = threading.Event()
    work, notifier = WorkTable(settings.database_url), WorkNotifier(settings.database_url)
    work.open()
    dispatcher = Dispatcher(work, notifier, open_broker(settings.redis_url))
    targets: list[Callable[[], None]] = [
        lambda: run_workers(settings, stop),
        lambda: dispatcher.run(stop),
    ]
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        notifier.close()
        work.close()


@pytest.mark.extended
def test_a_lookup_is_answered_while_another_connection_hangs_with_16_calls(
    bench: Bench, runtime: Runtime, settings: Settings, sandbox: SandboxProcess
) -> None:
    document = bench.charge(bench.request(bench.add_tenant())).view.provider_object_id
    charged = bench.account.charged()
    tenant = bench.add_tenant()
    with Account(sandbox.url) as slow:
        key = runtime.vault.seal(slow.key, context=secret_context(bench.app_id, "slow"))
        command = SetConnection(
            app_id=bench.app_id,
            name="slow",
            provider="stripe",
            mode="test",
            sealed_key=key,
            sealed_webhook_secrets=[],
            actor="t",
        )
        bench.billing.set_connection(command, new_connection_id=uuid4(), occurred_at=bench.clock())
        slow.admin.set_latency(10_000)
        for _ in range(16):
            open_job(bench, bench.request(tenant, connection="slow"))
        with working(settings):
            # Each job has a first call that takes ten seconds: no thread is free before.
            wait_for(lambda: len(running(bench, "slow")) >= 5)
            hanging = set(running(bench, "slow"))
            args = {"connection": bench.connection, "object_id": str(document)}
            found = asyncio.run(look_up(bench.log.dsn, bench.app_id, **args))
            assert found["url"]
            # Others may wait for their tenant's customer, and begin later.
            assert hanging.intersection(running(bench, "slow"))
            slow.admin.set_latency(0)
            change(bench, "DELETE FROM work.jobs")
        assert bench.account.charged() == charged


def running(bench: Bench, connection: str) -> list[int]:
    with psycopg.connect(bench.log.dsn) as session:
        rows = session.execute("SELECT job FROM work.running WHERE connection = %s", [connection])
        return [job for (job,) in rows]


@pytest.mark.extended
def test_a_lookup_of_an_open_breaker_is_answered_as_unavailable_without_a_call(
    bench: Bench, settings: Settings
) -> None:
    with psycopg.connect(bench.log.dsn, autocommit=True) as session:
        session.execute(
            "INSERT INTO work.breakers VALUES (%s, %s, 5, now(), now() + interval '1 hour')",
            [bench.app_id, bench.connection],
        )
    bench.account.admin.forget_requests()
    lookup = look_up(bench.log.dsn, bench.app_id, connection=bench.connection, object_id="in_1")
    with working(settings), pytest.raises(ProviderUnavailable):
        asyncio.run(lookup)
    assert bench.account.admin.requests() == []
