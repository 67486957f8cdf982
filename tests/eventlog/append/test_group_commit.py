import asyncio
import threading
from uuid import uuid4

import psycopg
import pytest

from eventlog.append.limits import CommitLimits
from eventlog.errors import Conflict, LogUnavailable
from eventlog.log import Log
from tests.eventlog.append.harness import Gate, with_log
from tests.eventlog.stored_events import stored
from tests.support.tcp_proxy import TcpProxy


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
