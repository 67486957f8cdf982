"""Test appends of threads on their own sessions, and their way to the group commit."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

from eventlog.append.limits import CommitLimits
from eventlog.errors import Conflict, LogClosed, LogUnavailable
from eventlog.log import Log
from tests.eventlog.stored_events import stored
from tests.support.sandbox import wait_for
from tests.support.tcp_proxy import TcpProxy

_LOCK = "SELECT pg_advisory_lock(x'6576656e746c6f67'::bigint)"
_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
_SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE application_name = 'billhook log append' AND datname = current_database()"
)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def count(database: str, query: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def test_threads_append_on_two_sessions_and_the_rest_together(
    log: Log, database: str, threads: ThreadPoolExecutor
) -> None:
    with psycopg.connect(database, autocommit=True) as holder:
        holder.execute(_LOCK)
        appends = [threads.submit(log.append, [stored()]) for _ in range(8)]
        # Two of threads and one of the loop, which commits the other five after its first.
        wait_for(lambda: count(database, _WAITING) == 3)
        holder.execute("SELECT pg_advisory_unlock_all()")
        assert sorted(append.result()[0] for append in appends) == list(range(1, 9))
    assert count(database, _SESSIONS) == 3
    with pytest.raises(Conflict):
        log.append([stored(version=2)])


def test_an_append_whose_answer_is_lost_is_recorded_once(
    proxy: TcpProxy, database: str, threads: ThreadPoolExecutor
) -> None:
    log = Log.open(proxy.dsn)
    try:
        log.append([stored()])
        for recorded in (2, 3):
            with psycopg.connect(database, autocommit=True) as holder:
                holder.execute(_LOCK)
                append = threads.submit(log.append, [stored()])
                wait_for(lambda: count(database, _WAITING) == 1)
                proxy.cut_clients()
                wait_for(lambda: count(database, _WAITING) == 2)
            assert append.result() == [recorded]
            assert log.head() == recorded
    finally:
        log.close()


def test_an_append_that_a_lost_session_recorded_is_not_repeated(proxy: TcpProxy) -> None:
    log = Log.open(proxy.dsn)
    try:
        log.append([stored()])
        stream = uuid4()
        proxy.lose_next_answer()
        assert log.append([stored(stream, 1), stored(stream, 2)]) == [2, 3]
        proxy.wait_until_answer_lost()
        assert log.head() == 3
    finally:
        log.close()


def test_a_silent_server_ends_the_wait_at_the_deadline(proxy: TcpProxy) -> None:
    log = Log.open(proxy.dsn, limits=CommitLimits(deadline_s=1.5, answer_timeout_s=1))
    try:
        log.append([stored()])
        proxy.freeze()
        with pytest.raises(LogUnavailable) as raised:
            log.append([stored()])
        assert raised.value.maybe_recorded
        proxy.thaw()
    finally:
        log.close()
    with pytest.raises(LogClosed):
        log.append([stored()])
