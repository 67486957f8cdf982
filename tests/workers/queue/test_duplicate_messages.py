"""A message that comes twice: its job may run twice, and has its effects once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest
from pydantic import SecretStr

from tests.support.sandbox import wait_for
from tests.support.wait_until import DEADLINE_S
from tests.workers.queue.test_bulkheads import open_job
from tests.workers.queue.test_rate_limited_jobs import MASTER_KEY, connect
from tests.workers.stripe_harness import Bench
from workers.queue.run import JobRunner
from workers.runtime import Runtime, open_runtime
from workers.settings import Settings

_ENDING = """
SELECT count(*) FROM pg_stat_activity
WHERE %s = ANY(pg_blocking_pids(pid)) AND query LIKE 'SELECT work.release(%%'
"""


@pytest.fixture
def runtime(bench: Bench, redis_url: str) -> Iterator[Runtime]:
    settings = Settings(
        database_url=bench.log.dsn,
        redis_url=redis_url,
        master_keys=SecretStr(MASTER_KEY),
        stripe_api_base=bench.account.url,
    )
    with open_runtime(settings) as opened:
        connect(bench, opened)
        yield opened


def number(bench: Bench, query: str, *values: object) -> int:
    with psycopg.connect(bench.log.dsn) as session:
        row = session.execute(query.encode(), values).fetchone()
    assert row is not None
    return int(row[0])


def effects(bench: Bench) -> tuple[int, list[int], int]:
    """Return the head of the log, the charged amounts and the number of calls."""
    position = number(bench, "SELECT max(position) FROM eventlog.events")
    return position, bench.account.charged(), len(bench.account.admin.requests())


def test_a_job_that_runs_again_while_the_end_of_its_row_is_not_committed_has_no_second_effect(
    bench: Bench, runtime: Runtime
) -> None:
    open_job(bench, bench.request(bench.add_tenant()))
    (due,) = runtime.work.take_due(limit=10)
    jobs = JobRunner(runtime)
    with (
        psycopg.connect(bench.log.dsn) as ending,
        runtime.slots.claimed(due.id, sends=due.sends, lane="jobs") as job,
    ):
        assert job is not None
        jobs._run_claimed(job)  # noqa: SLF001 - as far as the end of its row
        before = effects(bench)
        assert before[1] == [1999]
        # A claim takes the mark for a new one, and does not wait for whoever has the row.
        ending.execute("UPDATE work.jobs SET sent_at = now() + interval '1 hour'")
        ending.commit()
        ending.execute("DELETE FROM work.jobs")
        again = threading.Thread(target=jobs.run, args=[due.id, due.sends])
        again.start()
        pid = ending.info.backend_pid
        wait_for(lambda: number(bench, _ENDING, pid) == 1)  # so it was claimed and ran
        ending.commit()
        again.join(DEADLINE_S)
    assert not again.is_alive()
    assert effects(bench) == before
    assert number(bench, "SELECT count(*) FROM work.jobs") == 0
