"""The reset of a test's database: the next test finds no trace of the one before."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from tests.support.database_reset import Reset
from tests.support.postgres import Server

EVENT = """
    INSERT INTO eventlog.events
    VALUES (1, gen_random_uuid(), 1, 'topic', '', sha256(''), now())
"""
JOB = "SELECT nextval(pg_get_serial_sequence('work.jobs', 'id'))"
GENERATION = "UPDATE read.generations SET state = 'building' WHERE projection = 'invoices'"
CHANGES = (
    "CREATE TABLE eventlog.more (x int)",
    "DROP TABLE eventlog.follower_failures",
    "DROP INDEX eventlog.events_skipped_idx",
    "ALTER TABLE eventlog.events DISABLE TRIGGER events_are_append_only",
    "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET jit = off', current_database()); END$$",
)


@pytest.fixture
def reset(database: str) -> Iterator[Reset]:
    with closing(Reset(database)) as made:
        yield made


def everything(database: str) -> list[tuple[object, ...]]:
    queries = ("SELECT * FROM eventlog.events", "SELECT * FROM read.generations ORDER BY 1, 2", JOB)
    with psycopg.connect(database) as connection:
        return [row for query in queries for row in connection.execute(query)]


def test_rows_and_sequences_are_as_they_were(database: str, reset: Reset) -> None:
    before = everything(database)
    with psycopg.connect(database) as connection:
        for change in (EVENT, GENERATION, JOB):
            connection.execute(change)
    assert everything(database) != before

    assert reset.run()

    assert everything(database) == before


def test_a_database_with_another_definition_is_not_kept(database: str) -> None:
    for change in CHANGES:
        with closing(Reset(database)) as reset:
            with psycopg.connect(database) as connection:
                connection.execute(change)
            assert not reset.run(), change


def test_a_database_with_an_open_session_is_not_kept(database: str, reset: Reset) -> None:
    with psycopg.connect(database):
        assert not reset.run()


def test_a_reset_goes_on_after_all_sessions_of_its_database_were_ended(
    database: str, reset: Reset
) -> None:
    before = everything(database)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(EVENT)
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    assert reset.run()

    assert everything(database) == before


def test_a_released_database_is_used_again(postgres_server: Server) -> None:
    dbname = postgres_server.migrated_database()
    postgres_server.release(dbname)

    again = postgres_server.migrated_database()

    assert again == dbname
    postgres_server.release(again)
