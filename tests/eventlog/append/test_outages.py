"""Appends while the database is away, silent, read-only or slow."""

import asyncio
from typing import cast
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from eventlog.append.group_commit import GroupCommit
from eventlog.append.limits import CommitLimits
from eventlog.append.session import Append, AppendSession
from eventlog.errors import LogUnavailable
from eventlog.log import Log
from tests.eventlog.append.harness import Gate, with_log
from tests.eventlog.stored_events import stored
from tests.support.tcp_proxy import TcpProxy
from tests.support.wait_until import until

_QUICK = CommitLimits(deadline_s=1.5, answer_timeout_s=1)


def test_a_killed_backend_is_replaced(database: str) -> None:
    async def scenario(log: Log) -> None:
        await log.append_async([stored()])
        await log.head_async()
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'billhook log%' AND datname = current_database()"
            )
        assert await log.append_async([stored()]) == [2]
        assert await log.head_async() == 2

    with_log(database, scenario)


def test_a_statement_that_waits_too_long_ends_before_the_session_does(
    database: str, gate: Gate
) -> None:
    async def scenario() -> None:
        session = await AppendSession.open(database, application_name="test", answer_timeout_s=3)
        append = Append([stored()], (), deadline_s=0, done=asyncio.Future())
        with pytest.raises(psycopg.errors.QueryCanceled):
            await session.append([append])
        assert not session.is_broken
        gate.open()
        assert await session.append([append]) == [[1]]
        await session.close()

    asyncio.run(scenario())


def test_a_server_that_is_silent_is_left_and_tried_again(proxy: TcpProxy) -> None:
    async def scenario(log: Log) -> None:
        await log.append_async([stored()])
        proxy.freeze()
        append = asyncio.create_task(log.append_async([stored()]))
        await asyncio.wait([append], timeout=1.2)
        proxy.thaw()
        assert await append == [2]

    with_log(proxy.dsn, scenario, CommitLimits(deadline_s=10, answer_timeout_s=1))


def test_streams_are_read_on_another_session_where_one_is_silent(proxy: TcpProxy) -> None:
    async def scenario(log: Log) -> None:
        stream = uuid4()
        await log.append_async([stored(stream)])
        await log.streams_async([stream])
        proxy.fall_silent()
        async with asyncio.timeout(10):
            assert await log.head_async() == 1
            assert list(await log.streams_async([stream])) == [stream]

    with_log(proxy.dsn, scenario, CommitLimits(deadline_s=10, answer_timeout_s=0.5))


def test_a_database_that_is_away_is_reported_at_the_deadline(proxy: TcpProxy) -> None:
    async def scenario(log: Log) -> None:
        assert await log.append_async([stored()]) == [1]
        proxy.refuse()
        for work in (log.append_async([stored()]), log.head_async()):
            with pytest.raises(LogUnavailable):
                await work
        proxy.refuse(refuse=False)
        assert await log.append_async([stored()]) == [2]
        assert await log.head_async() == 2

    with_log(proxy.dsn, scenario, _QUICK)


def test_appends_fail_at_once_in_an_outage_that_lasts(database: str) -> None:
    read_only = "ALTER DATABASE {} SET default_transaction_read_only = {}"
    end_sessions = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name LIKE 'billhook log%' AND datname = current_database()"
    )

    def set_read_only(value: str) -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            name = Identifier(connection.info.dbname)
            connection.execute(SQL(read_only).format(name, SQL(value)))
            connection.execute(end_sessions)

    async def scenario(log: Log) -> None:
        assert await log.append_async([stored()]) == [1]
        await asyncio.to_thread(set_read_only, "on")
        for _ in range(3):
            # Far less than the deadline of an append.
            async with asyncio.timeout(60):
                with pytest.raises(LogUnavailable):
                    await log.append_async([stored()])
        await asyncio.to_thread(set_read_only, "off")
        async with asyncio.timeout(60):
            assert await _recorded_at_last(log) == [2]

    with_log(database, scenario, CommitLimits(deadline_s=600, outage_s=0.2))


def test_a_slow_connection_is_made_though_its_callers_failed(proxy: TcpProxy) -> None:
    async def scenario(log: Log) -> None:
        proxy.refuse()
        with pytest.raises(LogUnavailable):
            await log.append_async([stored()])
        proxy.refuse(refuse=False)
        proxy.freeze()
        for _ in range(3):
            with pytest.raises(LogUnavailable):
                await log.append_async([stored()])
        proxy.thaw()
        async with asyncio.timeout(60):
            assert await _recorded_at_last(log) == [1]

    with_log(proxy.dsn, scenario, CommitLimits(deadline_s=600, outage_s=0.2))


async def _recorded_at_last(log: Log) -> list[int]:
    """Append anew, as callers do, until the log takes it."""
    while True:
        try:
            return await log.append_async([stored()])
        except LogUnavailable:
            await asyncio.sleep(0.01)


def test_only_an_append_that_was_sent_may_have_been_recorded(proxy: TcpProxy) -> None:
    async def scenario(log: Log) -> None:
        await log.append_async([stored()])
        proxy.freeze()
        sent = asyncio.create_task(log.append_async([stored()]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        unsent = asyncio.create_task(log.append_async([stored()]))
        for work, maybe_recorded in ((sent, True), (unsent, False)):
            with pytest.raises(LogUnavailable) as caught:
                await work
            assert caught.value.maybe_recorded is maybe_recorded
        proxy.thaw()

    with_log(proxy.dsn, scenario, _QUICK)


def test_an_append_waits_for_a_database_that_comes_back(proxy: TcpProxy) -> None:
    async def scenario(log: Log) -> None:
        proxy.refuse()
        append = asyncio.create_task(log.append_async([stored()]))
        reader = asyncio.create_task(log.head_async())
        await asyncio.wait([append, reader], timeout=0.5)
        proxy.refuse(refuse=False)
        await until(append.done)
        assert append.result() == [1]
        await until(reader.done)

    with_log(proxy.dsn, scenario)


class LateSession:
    """A session whose connection is ready only once no caller waits any more."""

    def __init__(self) -> None:
        self.is_closed = False

    async def close(self) -> None:
        self.is_closed = True


def test_a_session_that_comes_after_its_callers_deadline_is_closed_in_the_end() -> None:
    session = LateSession()

    async def scenario() -> None:
        expired = asyncio.Event()

        async def open_session() -> AppendSession:
            await expired.wait()
            return cast("AppendSession", session)

        group_commit = GroupCommit(open_session, limits=CommitLimits(deadline_s=0.01))
        with pytest.raises(LogUnavailable, match="no connection"):
            await group_commit.append([stored()], [])
        expired.set()
        await group_commit.close()

    asyncio.run(scenario())
    assert session.is_closed
