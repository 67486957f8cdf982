"""A job that may not call now goes back to its row: due a little later, and no try is used up."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from domain.apps.commands import CreateApp, SetConnection
from domain.apps.connection import Connection, secret_context
from domain.core import ids
from tests.support.sandbox import wait_for
from tests.workers.stripe_harness import Bench
from workers.providers.rate_limit import ProviderRateLimits
from workers.queue.run import JobRunner
from workers.runtime import Runtime, open_runtime
from workers.settings import Settings

MASTER_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture
def runtime(bench: Bench, redis_url: str) -> Iterator[Runtime]:
    """A worker that may make five calls a second and waits for no first one."""
    settings = Settings(
        database_url=bench.log.dsn,
        redis_url=redis_url,
        master_keys=SecretStr(MASTER_KEY),
        stripe_api_base=bench.account.url,
        stripe_test_calls_per_s=5,
        provider_patience_s=0,
    )
    with open_runtime(settings) as opened:
        connect(bench, opened)
        yield opened


def connect(bench: Bench, runtime: Runtime) -> None:
    context = secret_context(bench.app_id, bench.connection)
    create = CreateApp(app_id=bench.app_id, name="Tea", slug="tea", actor="t")
    bench.billing.create_app(create, occurred_at=bench.clock())
    command = SetConnection(
        app_id=bench.app_id,
        name=bench.connection,
        provider="stripe",
        mode="test",
        sealed_key=runtime.vault.seal(bench.account.key, context=context),
        sealed_webhook_secrets=[],
        actor="t",
    )
    bench.billing.set_connection(command, new_connection_id=uuid4(), occurred_at=bench.clock())


def use_up(bench: Bench, redis_url: str) -> None:
    """Use up this second's rate limit from another process."""
    connection = bench.billing.get(Connection, ids.for_connection(bench.app_id, bench.connection))
    other = ProviderRateLimits(redis_url, patience_s=0)
    for _ in range(5):
        other.acquire({str(connection.connection_id): 5})


def test_our_own_rate_limit_puts_a_job_off_and_counts_no_try(
    bench: Bench, runtime: Runtime, redis_url: str
) -> None:
    invoice_id = bench.request(bench.add_tenant())
    bench.account.admin.forget_requests()
    with psycopg.connect(bench.log.dsn, autocommit=True) as session:
        session.execute(
            "INSERT INTO work.jobs (key, app, queue, actor, args, due_at)"
            " VALUES ('invoice', %s, 'requests', 'charge_invoice', %s, now())",
            [bench.app_id, Jsonb({"invoice_id": str(invoice_id)})],
        )
        (job,) = runtime.work.take_due(limit=1)
        use_up(bench, redis_url)

        JobRunner(runtime).run(job.id, job.sends)

        row = session.execute(
            "SELECT tries, last_error, due_at - now() BETWEEN '0 s' AND '2 s', sent_at"
            " FROM work.jobs"
        ).fetchone()
        assert row == (0, "GatewayUnavailable: our own rate limit", True, None)
        assert bench.account.admin.requests() == []

        jobs = JobRunner(runtime)

        def work_on() -> bool:
            for due in runtime.work.take_due(limit=1):
                jobs.run(due.id, due.sends)
            return not bench.invoice(invoice_id).view.in_progress

        wait_for(work_on, timeout_s=60)
    assert bench.invoice(invoice_id).view.status == "paid"
    assert bench.account.charged() == [1999]
