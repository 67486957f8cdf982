"""Leadership of a follower or other work: one process has it, and another takes it over."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from eventlog.follow.feed import Feed, running_feed
from eventlog.follow.follower import Follower, FollowerGroup, follower_sessions
from eventlog.follow.leader import LeaderSessions, Leadership
from eventlog.log import Log
from tests.eventlog.follow.seen_rows import Rows, Running, run, seen
from tests.eventlog.stored_events import stored
from tests.support.processes import ending_with_tests
from tests.support.tcp_proxy import TcpProxy
from tests.support.wait_until import until

pytestmark = pytest.mark.usefixtures("_table")


def test_one_of_many_leads_and_another_takes_over(database: str, log: Log) -> None:
    async def scenario() -> None:
        one, other = Rows(), Rows()
        leader, standby = Follower(database, "rows", one), Follower(database, "rows", other)
        async with Running(standby):
            async with Running(leader):
                await until(lambda: leader.is_leading or standby.is_leading)
                await asyncio.to_thread(log.append, [stored()])
                await until(lambda: one.handled or other.handled)
                assert leader.is_leading is not standby.is_leading
            await until(lambda: standby.is_leading)
            await asyncio.to_thread(log.append, [stored()])
            await until(lambda: 2 in other.handled)

    run(scenario)
    assert seen(database) == [1, 2]


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP])
def test_a_leader_that_dies_or_falls_silent_is_replaced_within_five_seconds(
    database: str, log: Log, sent: signal.Signals
) -> None:
    program = [sys.executable, "-m", "tests.eventlog.follow.follower_process", database, "rows"]
    command = ending_with_tests(program)

    async def scenario() -> None:
        with subprocess.Popen(command) as leader:  # noqa: ASYNC220 - does not wait for it
            try:
                await asyncio.to_thread(log.append, [stored() for _ in range(30)])
                await until(lambda: len(seen(database)) == 30)
                rows = Rows()
                async with Running(Follower(database, "rows", rows)):
                    leader.send_signal(sent)
                    await asyncio.to_thread(log.append, [stored()])
                    await until(lambda: rows.handled == [31])
                    leader.send_signal(signal.SIGCONT)
                    await asyncio.to_thread(log.append, [stored()])
                    await until(lambda: rows.handled == [31, 32])
            finally:
                leader.kill()

    run(scenario)
    assert seen(database) == list(range(1, 33))


def test_a_leader_that_is_cut_off_is_replaced_within_five_seconds(
    database: str, log: Log, proxy: TcpProxy
) -> None:
    async def scenario() -> None:
        one, other = Rows(), Rows()
        leader = Follower(proxy.dsn, "rows", one)
        async with Running(leader):
            await until(lambda: leader.is_leading)
            async with Running(Follower(database, "rows", other)):
                proxy.freeze()
                await asyncio.to_thread(log.append, [stored()])
                await until(lambda: other.handled == [1])
                proxy.thaw()
                await until(lambda: not leader.is_leading)
        assert one.handled == []

    run(scenario)


def test_a_follower_leads_again_after_its_server_fell_silent(
    database: str, log: Log, proxy: TcpProxy
) -> None:
    async def scenario() -> None:
        sessions = LeaderSessions(proxy.dsn, application_name="followers", silence_s=0.5)
        group = FollowerGroup(Feed(database), sessions)  # it is not run: it has no answer
        async with Running(Follower(proxy.dsn, "rows", Rows(), group=group)):
            await asyncio.to_thread(log.append, [stored()])
            await until(lambda: seen(database) == [1])
            proxy.fall_silent()
            await asyncio.to_thread(log.append, [stored()])
            await until(lambda: seen(database) == [1, 2])

    run(scenario)


def test_a_database_that_is_read_only_for_a_while_does_not_end_a_follower(
    database: str, log: Log
) -> None:
    async def scenario() -> None:
        async with Running(Follower(database, "rows", Rows())):
            await asyncio.to_thread(log.append, [stored()])
            # Committed: what is only handled when its session ends is handled once more.
            await until(lambda: seen(database) == [1])
            with make_read_only(database):
                await until(lambda: is_connected(database, "billhook follower rows"))
            await asyncio.to_thread(log.append, [stored()])
            await until(lambda: seen(database) == [1, 2])

    run(scenario)


def test_leaders_that_share_a_session_replace_one_that_stays_read_only(
    database: str, log: Log
) -> None:
    """Another leader, which writes nothing, does not keep it."""

    async def scenario() -> None:
        rows, at_work = Rows(), asyncio.Event()

        async def work() -> None:
            at_work.set()
            await asyncio.Event().wait()

        stop, sessions = asyncio.Event(), follower_sessions(database, application_name="shared")
        await asyncio.to_thread(log.append, [stored()])
        with make_read_only(database, ends_sessions=False):
            clock = Leadership(database, "clock", sessions=sessions)
            leading = asyncio.create_task(clock.run(work, stop=stop))
            await at_work.wait()
        async with running_feed(database) as feed:
            group = FollowerGroup(feed, sessions)
            async with Running(Follower(database, "rows", rows, group=group)):
                await until(lambda: rows.handled == [1])
        stop.set()
        await leading

    run(scenario)
    assert seen(database) == [1]


def test_a_leader_whose_work_lost_a_connection_of_its_own_leads_again(database: str) -> None:
    """Its session, which others share, is not the one that is lost: it must not keep the lock."""

    async def scenario() -> None:
        stop, sessions = asyncio.Event(), follower_sessions(database, application_name="shared")
        started = 0

        async def work() -> None:
            nonlocal started
            started += 1
            if started == 1:
                raise psycopg.OperationalError("lost")
            await asyncio.Event().wait()

        async def rest() -> None:
            await asyncio.Event().wait()

        other = Leadership(database, "other", sessions=sessions)
        beside = asyncio.create_task(other.run(rest, stop=stop))
        await until(lambda: other.is_leading)
        clock = Leadership(database, "clock", sessions=sessions)
        leading = asyncio.create_task(clock.run(work, stop=stop))
        await until(lambda: started == 2)
        stop.set()
        await asyncio.gather(beside, leading)

    run(scenario)


@contextmanager
def make_read_only(database: str, *, ends_sessions: bool = True) -> Iterator[None]:
    """Have each session find the database read-only, as after a primary became a standby.

    `ends_sessions`: afterwards; otherwise those that were opened meanwhile stay read-only.
    """
    with psycopg.connect(database, autocommit=True) as connection:
        name = SQL("ALTER DATABASE {}").format(Identifier(connection.info.dbname))
        connection.execute(name + SQL(" SET default_transaction_read_only = on"))
        end_sessions(connection)
        try:
            yield
        finally:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(name + SQL(" RESET default_transaction_read_only"))
            if ends_sessions:
                end_sessions(connection)


def end_sessions(connection: psycopg.Connection[TupleRow]) -> None:
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def is_connected(database: str, application_name: str) -> bool:
    with psycopg.connect(database, autocommit=True) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [application_name]
        ).fetchone()
    return found is not None and found[0] > 0


def test_work_of_a_leader_is_done_by_one_and_taken_over(database: str) -> None:
    async def scenario() -> None:
        at_work: list[str] = []

        async def work(name: str) -> None:
            at_work.append(name)
            try:
                await asyncio.Event().wait()
            finally:
                at_work.remove(name)

        stops = asyncio.Event(), asyncio.Event()
        first = asyncio.create_task(
            Leadership(database, "clock").run(lambda: work("first"), stop=stops[0])
        )
        await until(lambda: at_work == ["first"])
        second = asyncio.create_task(
            Leadership(database, "clock").run(lambda: work("second"), stop=stops[1])
        )
        stops[0].set()
        await first
        await until(lambda: at_work == ["second"])
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'billhook clock' AND datname = current_database()"
            )
        await until(lambda: at_work == [])
        await until(lambda: at_work == ["second"])
        stops[1].set()
        await second

    run(scenario)
