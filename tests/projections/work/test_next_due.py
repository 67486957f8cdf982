"""How long a dispatcher may wait for rows that nobody notifies it of."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from projections.work.table import WorkTable
from tests.projections.work.claims import add_jobs

APP = uuid4()


@pytest.fixture
def work(database: str) -> Iterator[WorkTable]:
    table = WorkTable(database)
    table.open()
    yield table
    table.close()


def change(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute(statement.encode())


def test_nothing_is_due_in_an_empty_table(work: WorkTable) -> None:
    assert work.take_due_and_next(limit=10) == ([], None)


def test_a_row_that_is_due_later_is_not_looked_for_before(database: str, work: WorkTable) -> None:
    add_jobs(database, 1, app=APP, connection=None, sent=False)
    change(database, "UPDATE work.jobs SET due_at = now() + interval '1 hour'")
    sent, due_s = work.take_due_and_next(limit=10)
    assert sent == []
    assert due_s is not None
    assert 3500 < due_s <= 3600


def test_a_row_in_flight_is_looked_at_within_a_second(database: str, work: WorkTable) -> None:
    add_jobs(database, 1, app=APP, connection=None)
    sent, due_s = work.take_due_and_next(limit=10)
    assert sent == []
    assert due_s is not None
    assert due_s <= 1


def test_a_row_that_waits_for_a_thread_is_looked_at_within_a_second(
    database: str, work: WorkTable
) -> None:
    add_jobs(database, 2, app=APP, connection=None, sent=False)
    first, due_s = work.take_due_and_next(limit=10)
    assert len(first) == 1, "one row is sent where no worker is registered"
    assert due_s is not None
    assert due_s <= 1


def test_a_row_that_waits_for_an_operator_is_not_looked_at(database: str, work: WorkTable) -> None:
    add_jobs(database, 1, app=APP, connection=None, sent=False)
    change(database, "UPDATE work.jobs SET gave_up_at = now()")
    assert work.take_due_and_next(limit=10) == ([], None)
