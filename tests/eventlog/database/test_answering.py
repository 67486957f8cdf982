"""Test that a session is lost whose server falls silent, but only while a command waits."""

import asyncio
import time

import psycopg
import pytest

from eventlog.database.connect import connect, connect_async, pool
from tests.eventlog.follow.seen_rows import run
from tests.support.tcp_proxy import TcpProxy

_SILENCE_S = 0.5


def test_a_session_is_lost_when_a_command_has_no_answer(proxy: TcpProxy) -> None:
    with connect(proxy.dsn, application_name="silent", silence_s=_SILENCE_S) as session:
        session.execute("SELECT 1")
        proxy.fall_silent()
        with pytest.raises(psycopg.OperationalError, match="does not answer"):
            session.execute("SELECT 2")
        assert session.closed


def test_a_session_of_a_loop_is_lost_when_a_command_has_no_answer(proxy: TcpProxy) -> None:
    async def scenario() -> None:
        session = await connect_async(proxy.dsn, application_name="silent", silence_s=_SILENCE_S)
        async with session:
            await session.execute("SELECT 1")
            proxy.fall_silent()
            with pytest.raises(psycopg.OperationalError, match="does not answer"):
                await session.execute("SELECT 2")
            assert session.closed

    run(scenario)


def test_a_session_that_listens_may_be_silent(database: str) -> None:
    with connect(database, application_name="listens", silence_s=_SILENCE_S) as session:
        session.execute("LISTEN anything")
        started_s = time.monotonic()
        assert list(session.notifies(timeout=3 * _SILENCE_S)) == []
        assert time.monotonic() - started_s >= 3 * _SILENCE_S
        assert not session.closed


def test_a_cancelled_command_of_a_silent_server_is_over(proxy: TcpProxy) -> None:
    async def scenario() -> None:
        session = await connect_async(proxy.dsn, application_name="silent", silence_s=_SILENCE_S)
        async with session:
            asked = asyncio.create_task(session.execute("SELECT pg_sleep(0.1)"))
            proxy.fall_silent()
            await asyncio.sleep(_SILENCE_S / 2)
            asked.cancel()
            await asyncio.wait([asked])
            assert asked.cancelled() or isinstance(asked.exception(), psycopg.OperationalError)

    run(scenario)


def test_sessions_of_a_pool_are_bounded(database: str) -> None:
    async def scenario() -> None:
        sessions = pool(database, application_name="pooled")
        await sessions.open()
        async with sessions, sessions.connection() as session:
            assert 30 < session.silence_s < 60  # type: ignore[attr-defined] # of the pool's class

    run(scenario)


def test_a_pool_replaces_all_its_sessions_with_a_silent_one(proxy: TcpProxy) -> None:
    async def scenario() -> None:
        sessions = pool(proxy.dsn, application_name="pooled", min_size=3)
        await sessions.open(wait=True)
        async with sessions:
            proxy.fall_silent()
            async with sessions.connection() as session:
                session.silence_s = _SILENCE_S  # type: ignore[attr-defined] # of the pool's class
                with pytest.raises(psycopg.OperationalError, match="does not answer"):
                    await session.execute("SELECT 1")
            for _ in range(3):
                async with sessions.connection() as session, asyncio.timeout(20):
                    await session.execute("SELECT 1")

    run(scenario)
