from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from projections.work.checkpoints import Checkpoints
from projections.work.provider_lookup import ProviderLookupQueue
from projections.work.sessions import WorkUnavailable
from projections.work.table import WorkTable


def read_only(dsn: str) -> str:
    """Return a DSN whose sessions are those of a server that became a standby."""
    return make_conninfo(dsn, options="-c default_transaction_read_only=on")


def take_due(dsn: str) -> None:
    work = WorkTable(dsn)
    work.open()
    try:
        work.take_due(limit=1)
    finally:
        work.close()


def answer(dsn: str) -> None:
    queue = ProviderLookupQueue(dsn)
    queue.open()
    try:
        queue.answer(uuid4(), sealed="x")
    finally:
        queue.close()


def keep(dsn: str) -> None:
    checkpoints = Checkpoints(dsn)
    checkpoints.open()
    try:
        checkpoints.save("import", {"window": 1})
    finally:
        checkpoints.close()


@pytest.mark.parametrize("use", [take_due, answer, keep])
def test_a_read_only_database_is_unavailable_and_ends_no_thread(
    database: str, use: Callable[[str], None]
) -> None:
    with pytest.raises(WorkUnavailable, match="ReadOnlySqlTransaction"):
        use(read_only(database))
    use(database)


def test_a_session_that_the_server_ended_is_replaced_before_it_is_used(database: str) -> None:
    work = WorkTable(database, max_size=1)
    work.open()
    try:
        work.take_due(limit=1)
        with psycopg.connect(database, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
                " WHERE application_name = 'billhook work' AND datname = current_database()"
            ).fetchall()
        assert ended == [(True,)]
        assert work.take_due(limit=1) == []
    finally:
        work.close()
