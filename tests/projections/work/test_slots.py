"""Test the limits of threads per app and connection, at each claim and over all processes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

from projections.work.notifier import WorkNotifier
from projections.work.sessions import WorkUnavailable
from projections.work.slots import LOOKUPS, WorkerSlots
from projections.work.table import WorkTable
from tests.projections.work.claims import add_jobs, claim_in_processes, claimed, opened
from tests.support.system import eventually

APP, OTHER_APP = uuid4(), uuid4()
THREADS = 16


@pytest.fixture
def slots(database: str) -> Iterator[WorkerSlots]:
    with opened(database, uuid4(), threads=THREADS) as made:
        made.heartbeat([])
        yield made


@pytest.fixture
def work(database: str) -> Iterator[WorkTable]:
    table = WorkTable(database)
    table.open()
    yield table
    table.close()


def take_up(slots: WorkerSlots, ids: list[int]) -> int:
    """Claim what may be claimed; its number."""
    return sum(slots.claim(job_id, sends=1) is not None for job_id in ids)


def test_one_connection_gets_a_third_of_the_threads_exactly_with_two_processes_at_once(
    database: str,
) -> None:
    ids = add_jobs(database, 60, app=APP, connection="slow")
    found = claim_in_processes(database, ids, [uuid4(), uuid4()], threads=THREADS)
    # The 11th finds 10 of 32 threads taken by the connection and 22 free, the 12th 11 and 21.
    assert found == {(APP, "slow"): 11}


def test_one_app_gets_half_of_the_threads_exactly_with_two_processes_at_once(
    database: str,
) -> None:
    ids = [
        job_id
        for number in range(30)
        for job_id in add_jobs(database, 2, app=APP, connection=f"c{number}")
    ]
    found = claim_in_processes(database, ids, [uuid4(), uuid4()], threads=THREADS)
    assert sum(found.values()) == THREADS


def test_several_hanging_apps_leave_threads_to_others(database: str, slots: WorkerSlots) -> None:
    for _ in range(4):
        take_up(slots, add_jobs(database, 20, app=uuid4(), connection="slow"))
    assert take_up(slots, add_jobs(database, 1, app=OTHER_APP, connection="quick")) == 1


def test_a_job_over_the_cap_is_due_again_uncounted_and_sent_once_a_thread_is_free(
    database: str, slots: WorkerSlots, work: WorkTable
) -> None:
    ids = add_jobs(database, 8, app=APP, connection="slow")
    jobs = [job for job_id in ids if (job := slots.claim(job_id, sends=1))]
    assert len(jobs) == 6
    with psycopg.connect(database) as session:
        rows = session.execute(
            "SELECT count(*), max(tries), bool_and(sent_at IS NULL AND due_at <= now())"
            " FROM work.jobs WHERE id <> ALL (%s)",
            [[job.id for job in jobs]],
        )
        assert rows.fetchone() == (2, 0, True)
    assert work.take_due(limit=10) == [], "a job that has no thread is not sent"

    notifier = WorkNotifier(database)
    notifier.wait(0)  # subscribes
    work.finish(jobs[0])
    slots.release(jobs[0], answered=True)
    notifier.wait(60)
    sent = work.take_due(limit=10)
    notifier.close()

    assert len(sent) == 1
    assert slots.claim(sent[0].id, sends=sent[0].sends) is not None


def test_a_connection_at_its_cap_holds_back_no_other_of_its_app(
    database: str, slots: WorkerSlots, work: WorkTable
) -> None:
    take_up(slots, add_jobs(database, 10, app=APP, connection="slow"))
    add_jobs(database, 30, app=APP, connection="slow", sent=False)
    (quick,) = add_jobs(database, 1, app=APP, connection="quick", sent=False)

    assert [job.id for job in work.take_due(limit=50)] == [quick]


@pytest.mark.usefixtures("slots")
def test_no_more_rows_are_sent_than_threads_are_free(database: str, work: WorkTable) -> None:
    add_jobs(database, 40, app=APP, connection="a", sent=False)
    add_jobs(database, 40, app=OTHER_APP, connection="b", sent=False)
    sent = work.take_due(limit=200)
    assert {job.app for job in sent} == {APP, OTHER_APP}
    assert len(sent) <= THREADS
    assert work.take_due(limit=200) == []


def test_the_connection_of_a_job_counts_once_it_is_recorded(
    database: str, slots: WorkerSlots
) -> None:
    take_up(slots, add_jobs(database, 10, app=OTHER_APP, connection="slow"))
    unknown = claimed(slots, add_jobs(database, 1, app=OTHER_APP, connection=None)[0])
    assert slots.bind_connection(unknown, "slow") == "full"
    assert slots.bind_connection(unknown, "quick") == "yes"
    with psycopg.connect(database) as session:
        rows = session.execute("SELECT connection FROM work.jobs WHERE id = %s", [unknown.id])
        assert rows.fetchone() == ("quick",)


def test_threads_of_a_process_that_is_gone_are_free(database: str, slots: WorkerSlots) -> None:
    with opened(database, uuid4(), threads=THREADS) as dying:
        dying.heartbeat([])
        assert take_up(dying, add_jobs(database, 40, app=APP, connection="slow")) == 11
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("UPDATE work.workers SET seen_at = seen_at - interval '1 minute'")
    slots.heartbeat([])
    assert take_up(slots, add_jobs(database, 40, app=APP, connection="slow")) == 6


def test_a_thread_that_could_not_be_freed_is_freed_by_the_next_heartbeat(
    database: str, slots: WorkerSlots
) -> None:
    ids = add_jobs(database, 6, app=APP, connection="slow")
    assert take_up(slots, ids) == 6
    slots.heartbeat([(ids[0], 1)])
    assert take_up(slots, add_jobs(database, 10, app=APP, connection="slow")) == 5


def test_a_running_job_is_not_sent_again_while_its_process_lives(
    database: str, slots: WorkerSlots, work: WorkTable
) -> None:
    (job_id,) = add_jobs(database, 1, app=APP, connection="slow")
    claimed(slots, job_id)
    with psycopg.connect(database, autocommit=True) as session:
        session.execute("UPDATE work.jobs SET sent_at = sent_at - interval '1 hour'")
    slots.heartbeat([(job_id, 1)])
    assert work.take_due(limit=1) == []


def age(database: str, table: str, column: str, seconds: int) -> None:
    """Let rows be older by so many seconds."""
    with psycopg.connect(database, autocommit=True) as session:
        session.execute(
            f"UPDATE work.{table} SET {column} = {column} - make_interval(secs => %s)",  # noqa: S608
            [seconds],
        )


def test_a_job_of_a_killed_process_is_sent_again_within_seconds(
    database: str, slots: WorkerSlots, work: WorkTable
) -> None:
    (job_id,) = add_jobs(database, 1, app=APP, connection="slow")
    with opened(database, uuid4(), threads=THREADS) as dying:
        dying.heartbeat([])
        claimed(dying, job_id)
        dying.heartbeat([(job_id, 1)])
        age(database, "workers", "seen_at", 5)
        age(database, "jobs", "sent_at", 6)
        # It is silent, but its session lives: it may be a busy machine.
        assert work.take_due(limit=1) == []
    slots.heartbeat([])
    # The server needs a moment to end the session.
    assert eventually(lambda: [job.id for job in work.take_due(limit=1)]) == [job_id]


def test_a_job_is_not_sent_again_because_its_process_lost_a_session(
    database: str, slots: WorkerSlots, work: WorkTable
) -> None:
    (job_id,) = add_jobs(database, 1, app=APP, connection="slow")
    claimed(slots, job_id)
    with psycopg.connect(database, autocommit=True) as session:
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'billhook work registration'"
            " AND datname = current_database()"
        )
    age(database, "jobs", "sent_at", 6)
    assert work.take_due(limit=1) == []
    with pytest.raises(WorkUnavailable):
        slots.heartbeat([(job_id, 1)])
    slots.heartbeat([(job_id, 1)])
    age(database, "workers", "seen_at", 5)
    age(database, "jobs", "sent_at", 6)
    assert work.take_due(limit=1) == []


def test_a_process_gets_its_lock_once_the_session_that_it_lost_has_ended(
    database: str, slots: WorkerSlots, work: WorkTable
) -> None:
    (job_id,) = add_jobs(database, 1, app=APP, connection="slow")
    worker = uuid4()
    with opened(database, worker, threads=THREADS) as reconnected:
        with psycopg.connect(database, autocommit=True) as lost:
            lost.execute("SELECT pg_advisory_lock(work.worker_lock(%s))", [worker])
            reconnected.heartbeat([])
            claimed(reconnected, job_id)
            lost.execute("SELECT pg_advisory_unlock_all()")
        reconnected.heartbeat([(job_id, 1)])
        slots.heartbeat([])
        age(database, "workers", "seen_at", 5)
        age(database, "jobs", "sent_at", 6)
        assert work.take_due(limit=1) == []


@pytest.mark.usefixtures("slots")
def test_a_message_that_nobody_reads_is_sent_again_each_time_after_twice_as_long(
    database: str, work: WorkTable
) -> None:
    (job_id,) = add_jobs(database, 1, app=APP, connection="slow", sent=False)
    for wait_s in (10, 20, 30, 30):  # 5 s after the first sending, which was before
        assert [job.id for job in work.take_due(limit=1)] == [job_id]
        age(database, "jobs", "sent_at", wait_s // 2)
        assert work.take_due(limit=1) == []
        age(database, "jobs", "sent_at", wait_s // 2)
    assert [job.id for job in work.take_due(limit=1)] == [job_id]


def test_lookups_have_threads_of_their_own(database: str, slots: WorkerSlots) -> None:
    """Sixteen hanging calls of the same connection hold up no lookup."""
    for number in range(16):
        take_up(slots, add_jobs(database, 16, app=APP, connection=f"slow{number}"))
        take_up(slots, add_jobs(database, 16, app=uuid4(), connection="slow"))
    (lookup,) = add_jobs(database, 1, app=APP, connection="slow0", queue="provider_lookups")
    assert slots.claim(lookup, sends=1, lane=LOOKUPS) is not None


def row_version(database: str, job_id: int) -> tuple[object, ...] | None:
    """Return what any write or lock of a job's row changes."""
    with psycopg.connect(database) as session:
        query = "SELECT ctid::text, xmin::text, xmax::text FROM work.jobs WHERE id = %s"
        return session.execute(query, [job_id]).fetchone()


def test_a_claim_of_a_job_that_was_just_sent_leaves_its_row_as_it_is(
    database: str, slots: WorkerSlots
) -> None:
    (job_id,) = add_jobs(database, 1, app=APP, connection="slow")
    before = row_version(database, job_id)
    claimed(slots, job_id)
    assert row_version(database, job_id) == before


def test_a_claim_of_a_job_that_was_sent_longer_ago_marks_it_again(
    database: str, slots: WorkerSlots
) -> None:
    (job_id,) = add_jobs(database, 1, app=APP, connection="slow")
    age(database, "jobs", "sent_at", 20)
    claimed(slots, job_id)
    with psycopg.connect(database) as session:
        query = "SELECT clock_timestamp() - sent_at < interval '15 s' FROM work.jobs"
        assert session.execute(query).fetchone() == (True,)


def test_a_message_is_void_if_its_job_is_being_sent_again(
    database: str, slots: WorkerSlots
) -> None:
    (job_id,) = add_jobs(database, 1, app=APP, connection="slow")
    age(database, "jobs", "sent_at", 20)
    with psycopg.connect(database) as dispatcher, ThreadPoolExecutor(1) as thread:
        dispatcher.execute("UPDATE work.jobs SET sends = 2, sent_at = clock_timestamp()")
        claim = thread.submit(slots.claim, job_id, sends=1)
        with psycopg.connect(database, autocommit=True) as watching:
            waiting = "SELECT FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"
            eventually(lambda: watching.execute(waiting).fetchall())
        dispatcher.commit()
        assert claim.result() is None
    assert slots.claim(job_id, sends=2) is not None
