"""Rows of the work table that are on their way to a thread, and processes that claim them."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from projections.work.slots import JOBS, LOOKUPS, BreakerLimits, WorkerSlots
from projections.work.table import Job

MOST_TIMEOUTS = 3
PROBE_AFTER = timedelta(hours=1)


@contextmanager
def opened(
    dsn: str, worker: UUID, *, threads: int, lookup_threads: int = 4
) -> Iterator[WorkerSlots]:
    """A worker process's threads; register them with `heartbeat`."""
    slots = WorkerSlots(
        dsn,
        worker=worker,
        threads={JOBS: threads, LOOKUPS: lookup_threads},
        breaker=BreakerLimits(most_timeouts=MOST_TIMEOUTS, probe_after=PROBE_AFTER),
    )
    slots.open()
    try:
        yield slots
    finally:
        slots.close()


def add_jobs(
    dsn: str,
    number: int,
    *,
    app: UUID,
    connection: str | None,
    queue: str = "requests",
    sent: bool = True,
) -> list[int]:
    """Insert jobs, sent once if `sent`; their ids."""
    with psycopg.connect(dsn, autocommit=True) as session:
        rows = session.execute(
            "INSERT INTO work.jobs (key, app, queue, actor, args, connection, sends, sent_at)"
            " SELECT gen_random_uuid()::text, %s, %s, 'charge_invoice', %s, %s, 1,"
            " CASE WHEN %s THEN clock_timestamp() END FROM generate_series(1, %s) RETURNING id",
            [app, queue, Jsonb({}), connection, sent, number],
        )
        return [row[0] for row in rows]


def claim_all(dsn: str, ids: Sequence[int], worker: UUID, threads: int) -> list[tuple[UUID, str]]:
    """Claim as many as possible from as many threads; the apps and connections of the claimed."""
    with (
        opened(dsn, worker, threads=threads) as slots,
        ThreadPoolExecutor(threads) as pool,
    ):
        found = list(pool.map(lambda job_id: slots.claim(job_id, sends=1), ids))
    return [(job.app, str(job.connection)) for job in found if job is not None]


def claim_in_processes(
    dsn: str, ids: Sequence[int], workers: Sequence[UUID], *, threads: int
) -> Counter[tuple[UUID, str]]:
    """Claim the jobs in one process per worker at once; the number claimed of each connection."""
    for worker in workers:
        with opened(dsn, worker, threads=threads) as slots:
            slots.heartbeat([])
    with psycopg.connect(dsn, autocommit=True) as session:
        # They beat no more, and count as gone after 4 s: two may take longer to start.
        session.execute("UPDATE work.workers SET seen_at = seen_at + interval '10 minutes'")
    shares = [ids[start :: len(workers)] for start in range(len(workers))]
    with multiprocessing.get_context("spawn").Pool(len(workers)) as pool:
        found = pool.starmap(
            partial(_claim_share, dsn, threads), list(zip(shares, workers, strict=True))
        )
    return Counter(claimed for of_process in found for claimed in of_process)


def _claim_share(
    dsn: str, threads: int, ids: Sequence[int], worker: UUID
) -> list[tuple[UUID, str]]:
    return claim_all(dsn, ids, worker, threads)


def claimed(slots: WorkerSlots, job_id: int, *, sends: int = 1, lane: str = JOBS) -> Job:
    """Claim a job that must be given."""
    job = slots.claim(job_id, sends=sends, lane=lane)
    assert job is not None
    return job
