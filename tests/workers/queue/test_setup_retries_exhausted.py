"""A setup whose provider never answers uses up its tries, and is sent again by an operator."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from pydantic import SecretStr

from eventlog.codec import Codec
from tests.support.immediate_relay import relay
from tests.workers.queue.test_rate_limited_jobs import MASTER_KEY, connect
from tests.workers.stripe_harness import Bench
from tests.workers.stripe_setup_helpers import (
    deliver_events,
    known,
    leave,
    opened,
    request_setup,
)
from workers.queue.run import JobRunner
from workers.runtime import Runtime, open_runtime
from workers.settings import Settings


@pytest.fixture
def impatient(bench: Bench, redis_url: str) -> Iterator[Runtime]:
    """A worker that tries once."""
    settings = Settings(
        database_url=bench.log.dsn,
        redis_url=redis_url,
        master_keys=SecretStr(MASTER_KEY),
        stripe_api_base=bench.account.url,
        max_tries=1,
    )
    with open_runtime(settings) as made:
        connect(bench, made)
        yield made


def follow(bench: Bench, setup_id: UUID) -> None:
    """Apply a setup's events to the work table."""
    codec = Codec()
    relay(bench.log.dsn, [codec.decode(entry) for entry in bench.log.stream(setup_id)])


def work(runtime: Runtime) -> int:
    """Do what is due; tells how much that was."""
    jobs, due = JobRunner(runtime), runtime.work.take_due(limit=10)
    for job in due:
        jobs.run(job.id, job.sends)
    return len(due)


def given_up(bench: Bench) -> list[str]:
    with psycopg.connect(bench.log.dsn) as session:
        rows = session.execute("SELECT key FROM work.jobs WHERE gave_up_at IS NOT NULL")
        return [key for (key,) in rows]


@pytest.mark.parametrize(
    ("step", "row", "end"),
    [("open", "setup", "open"), ("default", "setup_completion", "completed")],
    ids=["page", "default"],
)
def test_each_step_gives_up_on_its_own_row_and_goes_on_when_it_is_sent_again(
    bench: Bench, impatient: Runtime, step: str, row: str, end: str
) -> None:
    tenant_id = bench.add_tenant()
    if step == "open":
        setup_id = request_setup(bench, tenant_id)
    else:
        setup = opened(bench, tenant_id)
        leave(bench, setup)
        setup_id = deliver_events(bench, setup.view.id).view.id
    bench.account.admin.add_fault("status", path="/v1/*", status=500, times=99)
    follow(bench, setup_id)

    assert work(impatient) == 1

    gave_up = known(bench, setup_id).view.gave_up
    assert gave_up is not None
    assert (gave_up.step, gave_up.attempts) == (step, 1)
    follow(bench, setup_id)
    assert given_up(bench) == [f"{row}:{setup_id}"]
    assert work(impatient) == 0

    bench.account.admin.drop_faults()
    setup = known(bench, setup_id)
    setup.resend(actor="operator", occurred_at=bench.clock())
    bench.billing.save(setup)
    follow(bench, setup_id)

    assert work(impatient) == 1
    assert known(bench, setup_id).view.status == end
