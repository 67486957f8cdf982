import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from domain.operations.skipped_event import SkipEvent, SkippedEvent
from eventlog.codec import Codec
from eventlog.database.connect import connect_async
from eventlog.follow.feed import running_feed
from eventlog.follow.follower import Follower, FollowerGroup, follower_sessions
from eventlog.follow.handler import Cursor
from eventlog.follow.leader import Leadership
from eventlog.follow.positions import FollowerState, follower_states
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from tests.eventlog.stored_events import stored
from tests.support.processes import ending_with_tests
from tests.support.tcp_proxy import TcpProxy
from tests.support.wait_until import until, until_async


class Rows:
    """A handler that keeps what it was handed as rows, and fails on demand."""

    def __init__(self, *, raise_on: str | None = None) -> None:
        self.raise_on = raise_on
        self.batches: list[list[int]] = []

    async def __call__(self, cursor: Cursor, batch: Sequence[RecordedEvent]) -> None:
        for event in batch:
            await cursor.execute("INSERT INTO seen VALUES (%s)", [event.position])
            if event.topic == self.raise_on:
                raise ValueError("a secret of a tenant")
        self.batches.append([event.position for event in batch])

    @property
    def handled(self) -> list[int]:
        return [position for batch in self.batches for position in batch]


@pytest.fixture
def _table(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE seen (position bigint PRIMARY KEY)")


def seen(database: str) -> list[int]:
    with psycopg.connect(database, autocommit=True) as connection:
        rows = connection.execute("SELECT position FROM seen ORDER BY position")
        return [position for (position,) in rows]


async def state_of(database: str) -> FollowerState:
    """Read the only follower's state, once it has entered itself."""
    async with await connect_async(database, application_name="test") as connection:
        found: list[FollowerState] = []

        async def entered() -> bool:
            found[:] = await follower_states(connection)
            return bool(found)

        await until_async(entered)
        return found[0]


class Running:
    """Followers that run in the background of a test."""

    def __init__(self, *followers: Follower) -> None:
        self._followers = followers

    async def __aenter__(self) -> None:
        self._stop = asyncio.Event()
        self._tasks = [asyncio.create_task(f.run(self._stop)) for f in self._followers]

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)


pytestmark = pytest.mark.usefixtures("_table")


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(scenario())


def test_rows_and_position_arrive_together_and_nothing_is_left_out(database: str, log: Log) -> None:
    log.append([stored() for _ in range(25)])

    async def scenario() -> None:
        rows = Rows()
        async with Running(Follower(database, "rows", rows, batch=10)):
            await until(lambda: len(rows.handled) == 25)
            await asyncio.to_thread(log.append, [stored()])
            await until(lambda: rows.handled[-1] == 26)
        state = await state_of(database)
        assert (state.position, state.head, state.lag_events, state.lag_ms) == (26, 26, 0, 0)
        assert not state.is_failing

    run(scenario)
    assert seen(database) == list(range(1, 27))


def test_batches_grow_from_one_event_after_each_start(database: str, log: Log) -> None:
    """A process killed by a batch's size or content gets further with each restart."""
    log.append([stored() for _ in range(20)])

    async def scenario() -> None:
        rows = Rows()
        async with Running(Follower(database, "rows", rows, batch=5)):
            await until(lambda: len(rows.handled) == 20)
        assert [len(batch) for batch in rows.batches[:4]] == [1, 2, 4, 5]
        log.append([stored() for _ in range(3)])
        async with Running(Follower(database, "rows", rows, batch=5)):
            await until(lambda: len(rows.handled) == 23)
        assert [len(batch) for batch in rows.batches[-2:]] == [1, 2]

    run(scenario)


def test_an_event_is_delivered_before_the_next_poll(database: str, log: Log) -> None:
    async def scenario() -> None:
        rows = Rows()
        async with Running(Follower(database, "rows", rows)):
            waits_s = []
            for count in range(1, 6):
                appended_s = time.monotonic()
                await asyncio.to_thread(log.append, [stored()])
                await until(lambda count=count: len(rows.handled) == count)  # type: ignore[misc]
                waits_s.append(time.monotonic() - appended_s)
        assert sorted(waits_s[1:])[1] < 0.5

    run(scenario)


def test_commits_in_quick_succession_are_handled_together(database: str, log: Log) -> None:
    async def scenario() -> None:
        rows = Rows()
        async with Running(Follower(database, "rows", rows)):
            await asyncio.to_thread(log.append, [stored()])
            await until(lambda: rows.handled)
            started_s = time.monotonic()
            for _ in range(200):
                await asyncio.to_thread(log.append, [stored()])
            reads = (time.monotonic() - started_s) / 0.005
            await until(lambda: len(rows.handled) == 201)
        assert len(rows.batches) <= reads + 2

    run(scenario)
    assert seen(database) == list(range(1, 202))


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


def test_an_event_that_cannot_be_handled_stops_it_there_and_is_reported(
    database: str, log: Log
) -> None:
    log.append([stored(), stored(), stored(topic="Poison"), stored()])

    async def scenario() -> None:
        rows = Rows(raise_on="Poison")
        async with Running(Follower(database, "rows", rows)):

            async def tried_again() -> bool:
                return (await state_of(database)).attempts == 2

            await until_async(tried_again)
            state = await state_of(database)
            assert (state.position, state.failed_position, state.lag_events) == (2, 3, 2)
            assert state.is_failing
            assert state.lag_ms > 0
            assert (state.error or "").startswith("ValueError at follow/test_follower.py")
            assert "secret" not in (state.error or "")
            assert rows.batches == [[1], [2]]
            rows.raise_on = None
            await until(lambda: rows.handled == [1, 2, 3, 4])
        assert not (await state_of(database)).is_failing

    run(scenario)
    assert seen(database) == [1, 2, 3, 4]


def test_an_operator_gets_a_follower_past_an_event_that_it_cannot_handle(
    database: str, log: Log
) -> None:
    log.append([stored(), stored(topic="Poison"), stored()])
    skip = SkippedEvent.create(
        SkipEvent(follower="rows", position=2, reason="holds a list", actor="operator"),
        occurred_at=datetime.now(UTC),
    )

    async def scenario() -> None:
        rows = Rows(raise_on="Poison")
        async with Running(Follower(database, "rows", rows)):

            async def failing() -> bool:
                return (await state_of(database)).failed_position == 2

            await until_async(failing)
            await asyncio.to_thread(log.append, [Codec().encode(*skip.collect_events())])
            await until(lambda: rows.handled == [1, 3, 4])
        assert not (await state_of(database)).is_failing

    run(scenario)
    assert seen(database) == [1, 3, 4]


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


def test_a_handler_that_hangs_has_failed(database: str, log: Log) -> None:
    log.append([stored()])

    async def hang(_: Cursor, __: Sequence[RecordedEvent]) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        async with Running(Follower(database, "rows", hang, handle_timeout_s=0.2)):

            async def failing() -> bool:
                return (await state_of(database)).is_failing

            await until_async(failing)
            assert ((await state_of(database)).error or "").startswith("TimeoutError")

    run(scenario)


def test_other_topics_are_passed_and_the_position_goes_on(database: str, log: Log) -> None:
    topics = ["Other", "Wanted", "Other", "Other", "Wanted", "Other"]
    log.append([stored(topic=topic) for topic in topics])

    async def scenario() -> None:
        rows = Rows()
        follower = Follower(database, "rows", rows, topics=["Wanted"], batch=1)
        async with Running(follower):
            await until(lambda: rows.handled == [2, 5])

            async def passed() -> bool:
                return (await state_of(database)).position == 6

            await until_async(passed)
            assert follower.lag == 0
            await asyncio.to_thread(log.append, [stored(topic="Wanted")])
            await until(lambda: rows.handled == [2, 5, 7])

    run(scenario)


def test_a_follower_whose_position_moved_steps_down_and_reads_it_again(
    database: str, log: Log
) -> None:
    log.append([stored() for _ in range(3)])

    async def scenario() -> None:
        rows = Rows()
        async with Running(Follower(database, "rows", rows)):
            await until(lambda: seen(database) == [1, 2, 3])
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute("DELETE FROM seen")
                connection.execute("UPDATE eventlog.followers SET position = 0")
            await asyncio.to_thread(log.append, [stored()])
            await until(lambda: seen(database) == [1, 2, 3, 4])

    run(scenario)


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
