import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import cast
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from eventlog.append.group_commit import GroupCommit
from eventlog.append.limits import DEFAULT_LIMITS, CommitLimits
from eventlog.append.session import Append, AppendSession
from eventlog.errors import Conflict, LogUnavailable
from eventlog.log import Log
from tests.eventlog.stored_events import stored
from tests.support.tcp_proxy import TcpProxy
from tests.support.wait_until import until, until_async

_QUICK = CommitLimits(deadline_s=1.5, answer_timeout_s=1)
_LOCK = "SELECT pg_advisory_lock(x'6576656e746c6f67'::bigint)"
_UNLOCK = "SELECT pg_advisory_unlock_all()"
_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def with_log(
    dsn: str, scenario: Callable[[Log], Awaitable[None]], limits: CommitLimits = DEFAULT_LIMITS
) -> None:
    async def run() -> None:
        log = await Log.open_async(dsn, limits=limits)
        try:
            await scenario(log)
        finally:
            await log.close_async()

    asyncio.run(run())


class Gate:
    """Holds every append up at the server until it is opened."""

    def __init__(self, database: str) -> None:
        self._connection = psycopg.connect(database, autocommit=True)
        self._connection.execute(_LOCK)

    async def reached(self, appends: int = 1) -> None:
        async def waiting() -> bool:
            row = self._connection.execute(_WAITING).fetchone()
            return row is not None and row[0] >= appends

        await until_async(waiting)

    def open(self) -> None:
        self._connection.execute(_UNLOCK)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def gate(database: str) -> Iterator[Gate]:
    gate = Gate(database)
    yield gate
    gate.close()


def transactions(database: str) -> int:
    """Count the commits by the times at which rows were recorded."""
    with psycopg.connect(database) as connection:
        query = "SELECT count(DISTINCT xmin::text) FROM eventlog.events"
        row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])


def test_what_queues_during_a_commit_shares_the_next_one(database: str, gate: Gate) -> None:
    async def scenario(log: Log) -> None:
        first = asyncio.create_task(log.append_async([stored()]))
        await gate.reached()
        rest = [asyncio.create_task(log.append_async([stored()])) for _ in range(50)]
        await asyncio.sleep(0)
        gate.open()
        assert await first == [1]
        assert await asyncio.gather(*rest) == [[nr] for nr in range(2, 52)]

    with_log(database, scenario)
    assert transactions(database) == 2


def test_callers_that_come_back_one_after_the_other_share_each_commit(database: str) -> None:
    async def call(log: Log, turns: int) -> None:
        for _ in range(4):
            await log.append_async([stored()])
            for _ in range(turns):
                await asyncio.sleep(0)

    async def scenario(log: Log) -> None:
        await asyncio.gather(*[call(log, turns) for turns in range(0, 40, 5)])

    with_log(database, scenario, CommitLimits(gather_s=60))
    assert transactions(database) == 4


def test_a_batch_is_bounded(database: str, gate: Gate) -> None:
    async def scenario(log: Log) -> None:
        first = asyncio.create_task(log.append_async([stored()]))
        await gate.reached()
        rest = [asyncio.create_task(log.append_async([stored()])) for _ in range(8)]
        large = [
            asyncio.create_task(log.append_async([stored(state=b"x" * 600)])) for _ in range(2)
        ]
        await asyncio.sleep(0)
        gate.open()
        await asyncio.gather(first, *rest, *large)

    with_log(database, scenario, CommitLimits(events_per_batch=4, bytes_per_batch=1000))
    assert transactions(database) == 1 + 2 + 2


def test_a_conflict_fails_its_own_append_alone(database: str, gate: Gate) -> None:
    taken = uuid4()

    async def scenario(log: Log) -> None:
        first = asyncio.create_task(log.append_async([stored(taken, 1)]))
        await gate.reached()
        work = [[stored()], [stored(), stored(taken, 1)], [stored(taken, 2)], [stored()]]
        rest = [asyncio.create_task(log.append_async(events)) for events in work]
        await asyncio.sleep(0)
        gate.open()
        assert await first == [1]
        one, clash, follow_up, other = await asyncio.gather(*rest, return_exceptions=True)
        assert isinstance(clash, Conflict)
        assert clash.stream == taken
        assert sorted(map(repr, (one, follow_up, other))) == ["[2]", "[3]", "[4]"]

    with_log(database, scenario)


def test_appends_to_one_stream_keep_their_order(database: str) -> None:
    stream = uuid4()

    async def scenario(log: Log) -> None:
        work = [log.append_async([stored(stream, version)]) for version in range(1, 21)]
        assert await asyncio.gather(*work) == [[nr] for nr in range(1, 21)]

    with_log(database, scenario)


def test_of_equal_versions_in_one_queue_the_first_wins_and_the_rest_fail_at_once(
    database: str, gate: Gate
) -> None:
    stream = uuid4()

    async def scenario(log: Log) -> None:
        held = asyncio.create_task(log.append_async([stored()]))
        await gate.reached()
        work = [asyncio.create_task(log.append_async([stored(stream, 1)])) for _ in range(30)]
        await asyncio.sleep(0)
        gate.open()
        await held
        first, *rest = await asyncio.gather(*work, return_exceptions=True)
        assert first == [2]
        assert all(isinstance(result, Conflict) for result in rest)

    with_log(database, scenario)


def test_a_canceled_caller_does_not_affect_others(database: str, gate: Gate) -> None:
    queued_and_gone = stored()

    async def scenario(log: Log) -> None:
        in_flight = asyncio.create_task(log.append_async([stored()]))
        await gate.reached()
        gone = asyncio.create_task(log.append_async([queued_and_gone]))
        stays = asyncio.create_task(log.append_async([stored()]))
        await asyncio.sleep(0)
        in_flight.cancel()
        gone.cancel()
        gate.open()
        assert await stays == [2]  # what was in flight is recorded, what had not left is not
        assert not await log.exists_async(queued_and_gone.originator_id)  # type: ignore[arg-type]

    with_log(database, scenario)


def test_a_commit_whose_answer_was_lost_is_a_success(proxy: TcpProxy) -> None:
    async def scenario(log: Log) -> None:
        stream = uuid4()
        assert await log.append_async([stored(stream, 1)]) == [1]
        await log.head_async()  # so that the next answer is that of the append
        proxy.lose_next_answer()
        assert await log.append_async([stored(stream, 2), stored()]) == [2, 3]
        assert await log.append_async([stored(stream, 3)]) == [4]
        assert await log.head_async() == 4

    with_log(proxy.dsn, scenario)


def test_a_lost_answer_does_not_hide_another_s_conflict(proxy: TcpProxy) -> None:
    async def scenario(log: Log) -> None:
        stream = uuid4()
        await log.append_async([stored(stream, 1, state=b"theirs")])
        await log.head_async()  # so that the next answer is that of the append
        proxy.lose_next_answer()
        with pytest.raises(Conflict):
            await log.append_async([stored(stream, 1, state=b"ours")])
        assert await log.head_async() == 1

    with_log(proxy.dsn, scenario)


def test_a_commit_that_lands_after_it_was_sent_again_is_a_success(
    proxy: TcpProxy, gate: Gate
) -> None:
    """The first sending is still at work in the server when the second one is made."""

    async def scenario(log: Log) -> None:
        append = asyncio.create_task(log.append_async([stored()]))
        await gate.reached()
        proxy.cut_clients()
        await gate.reached(2)
        gate.open()
        assert await append == [1]
        assert await log.head_async() == 1

    with_log(proxy.dsn, scenario)


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


def test_a_full_queue_is_reported_at_the_deadline(database: str, gate: Gate) -> None:
    async def scenario(log: Log) -> None:
        fill = [asyncio.create_task(log.append_async([stored()])) for _ in range(3)]
        await gate.reached()
        with pytest.raises(LogUnavailable, match="queue"):
            await log.append_async([stored()])
        gate.open()
        await asyncio.gather(*fill)

    with_log(database, scenario, CommitLimits(queued_appends=3, deadline_s=0.5, answer_timeout_s=9))


def test_appends_beyond_a_full_queue_are_recorded_as_it_empties(database: str, gate: Gate) -> None:
    async def scenario(log: Log) -> None:
        fill = [asyncio.create_task(log.append_async([stored()])) for _ in range(2)]
        await gate.reached()
        late = [asyncio.create_task(log.append_async([stored()])) for _ in range(6)]
        await asyncio.sleep(0)
        late[0].cancel()
        gate.open()
        found = await asyncio.gather(*fill, *late, return_exceptions=True)
        assert isinstance(found.pop(2), asyncio.CancelledError)
        assert sorted(map(str, found)) == [f"[{position}]" for position in range(1, 8)]

    with_log(database, scenario, CommitLimits(queued_appends=2, answer_timeout_s=9))


def test_closing_writes_what_is_queued(database: str) -> None:
    results: list[list[int]] = []
    log = Log.open(database)
    threads = [
        threading.Thread(target=lambda: results.append(log.append([stored()]))) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert sorted(results) == [[1], [2], [3], [4], [5]]


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
        loop = asyncio.get_running_loop()
        # The deadline passes, and the connection is ready, before the writer looks again.
        loop.call_later(0.02, expired.set)
        with pytest.raises(LogUnavailable, match="no connection"):
            await group_commit.append([stored()], [])
        await group_commit.close()

    asyncio.run(scenario())
    assert session.is_closed
