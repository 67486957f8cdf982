"""A connection that answers nothing is called by one probe at a time, until it answers."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from projections.work.breakers import open_breakers
from projections.work.slots import LOOKUPS, WorkerSlots
from projections.work.table import Job, WorkTable
from tests.projections.work.claims import MOST_TIMEOUTS, add_jobs, claimed, opened

APP = uuid4()
OTHER_APP = uuid4()


@pytest.fixture
def slots(database: str) -> Iterator[WorkerSlots]:
    with opened(database, uuid4(), threads=16) as made:
        made.heartbeat([])
        yield made


@pytest.fixture
def work(database: str) -> Iterator[WorkTable]:
    table = WorkTable(database)
    table.open()
    yield table
    table.close()


def run(database: str, slots: WorkerSlots, *, answered: bool | None) -> Job:
    """Run one job, whose last call ends so."""
    (job_id,) = add_jobs(database, 1, app=APP, connection="slow")
    job = claimed(slots, job_id)
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("DELETE FROM work.jobs WHERE id = %s", [job_id])
    slots.release(job, answered=answered)
    return job


def open_breaker(database: str, slots: WorkerSlots) -> None:
    for _ in range(MOST_TIMEOUTS):
        run(database, slots, answered=False)


def make_probe_due(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("UPDATE work.breakers SET probe_at = now()")


def test_it_opens_after_time_outs_in_a_row_alone(database: str, slots: WorkerSlots) -> None:
    for answered in (False, False, True, False, None, False):
        run(database, slots, answered=answered)
        assert open_breakers(database) == []
    run(database, slots, answered=False)
    (found,) = open_breakers(database)
    assert (found.app, found.connection, found.timeouts) == (APP, "slow", MOST_TIMEOUTS)


def test_an_open_one_puts_jobs_back_uncounted_and_holds_no_other_connection(
    database: str, slots: WorkerSlots, work: WorkTable
) -> None:
    open_breaker(database, slots)
    (held,) = add_jobs(database, 1, app=APP, connection="slow")
    assert slots.claim(held, sends=1) is None
    with psycopg.connect(database) as session:
        rows = session.execute("SELECT tries, sent_at FROM work.jobs WHERE id = %s", [held])
        assert rows.fetchone() == (0, None)
    quick = add_jobs(database, 1, app=APP, connection="quick", sent=False)
    others = add_jobs(database, 1, app=OTHER_APP, connection="slow", sent=False)
    assert {job.id for job in work.take_due(limit=50)} == {*quick, *others}


def test_other_processes_see_it(database: str, slots: WorkerSlots) -> None:
    open_breaker(database, slots)
    (held,) = add_jobs(database, 1, app=APP, connection="slow")
    with opened(database, uuid4(), threads=16) as other:
        other.heartbeat([])
        assert other.claim(held, sends=1) is None


def test_one_probe_at_a_time_is_sent_and_claimed(
    database: str, slots: WorkerSlots, work: WorkTable
) -> None:
    open_breaker(database, slots)
    add_jobs(database, 5, app=APP, connection="slow", sent=False)
    assert work.take_due(limit=50) == []
    make_probe_due(database)
    (sent,) = work.take_due(limit=50)
    probe = claimed(slots, sent.id, sends=sent.sends)
    assert work.take_due(limit=50) == []
    (second,) = add_jobs(database, 1, app=APP, connection="slow")
    assert slots.claim(second, sends=1) is None

    work.postpone(probe.id, delay_s=0, counted=True, error="no answer")
    slots.release(probe, answered=False)

    assert open_breakers(database)[0].timeouts == MOST_TIMEOUTS + 1
    assert work.take_due(limit=50) == [], "the next probe is due later"


def test_a_probe_without_a_call_is_followed_by_another(database: str, slots: WorkerSlots) -> None:
    open_breaker(database, slots)
    make_probe_due(database)
    run(database, slots, answered=None)
    run(database, slots, answered=True)
    assert open_breakers(database) == []


def test_an_answer_to_the_probe_closes_it(
    database: str, slots: WorkerSlots, work: WorkTable
) -> None:
    open_breaker(database, slots)
    add_jobs(database, 4, app=APP, connection="slow", sent=False)
    make_probe_due(database)
    (sent,) = work.take_due(limit=50)
    slots.release(claimed(slots, sent.id, sends=sent.sends), answered=True)
    assert open_breakers(database) == []
    assert len(work.take_due(limit=50)) == 3


def test_a_lookup_of_an_open_one_is_claimed_as_an_outage(
    database: str, slots: WorkerSlots, work: WorkTable
) -> None:
    """Its caller waits: it gets its answer at once, without a call."""
    open_breaker(database, slots)
    add_jobs(database, 1, app=APP, connection="slow", queue="provider_lookups", sent=False)
    (sent,) = work.take_due(limit=10)
    job = claimed(slots, sent.id, sends=sent.sends, lane=LOOKUPS)
    assert job.is_outage
    slots.release(job, answered=None)
    assert len(open_breakers(database)) == 1


def test_a_job_whose_connection_is_learned_late_finds_it_open(
    database: str, slots: WorkerSlots
) -> None:
    open_breaker(database, slots)
    unknown = claimed(slots, add_jobs(database, 1, app=APP, connection=None)[0])
    assert slots.bind_connection(unknown, "slow") == "open"
    make_probe_due(database)
    assert slots.bind_connection(unknown, "slow") == "probe"
