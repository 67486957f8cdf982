import asyncio
import gc
import time
import weakref
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import psycopg
import pytest

from eventlog.follow.tail import EventHeader, Tail
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from tests.eventlog.stored_events import stored
from tests.support.tcp_proxy import TcpProxy
from tests.support.wait_until import until

_STREAM = uuid4()
_IS_BLOCKED = """
SELECT EXISTS (
    SELECT FROM pg_locks WHERE relation = 'eventlog.events'::regclass AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
_INSERT = """
INSERT INTO eventlog.events
    (position, originator_id, originator_version, topic, state, hash, recorded_at)
VALUES (1, %s, 1, 'Paid', '', decode(repeat('00', 32), 'hex'), now())
"""


def with_tail(dsn: str, scenario: Callable[[Tail], Awaitable[None]]) -> None:
    async def run() -> None:
        tail = await Tail(dsn).open()
        try:
            await tail.ready()
            await scenario(tail)
        finally:
            await tail.close()

    asyncio.run(run())


def in_seconds(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def append(log: Log, version: int, topic: str, stream: UUID = _STREAM) -> int:
    (position,) = await asyncio.to_thread(log.append, [stored(stream, version, topic=topic)])
    return position


def test_a_waiter_gets_the_first_event_of_its_topics(database: str, log: Log) -> None:
    async def scenario(tail: Tail) -> None:
        requested = await append(log, 1, "Asked")
        waiting = asyncio.create_task(
            tail.wait_for(_STREAM, {"Paid", "Failed"}, requested, in_seconds(10))
        )
        await append(log, 1, "Paid", uuid4())
        await append(log, 2, "Started")
        await append(log, 3, "Failed")
        await append(log, 4, "Paid")
        assert await waiting == 4

    with_tail(database, scenario)


def test_a_waiter_collects_the_whole_events_of_its_stream_alone(database: str, log: Log) -> None:
    async def scenario(tail: Tail) -> None:
        requested = await append(log, 1, "Asked")
        collected: list[RecordedEvent] = []
        waiting = asyncio.create_task(
            tail.wait_for(_STREAM, {"Paid"}, requested, in_seconds(10), collect=collected.append)
        )
        await asyncio.sleep(0)
        await append(log, 1, "Paid", uuid4())
        await append(log, 2, "Started")
        await append(log, 3, "Paid")
        assert await waiting == 4
        read = await asyncio.to_thread(log.stream, _STREAM)
        assert [event for event in collected if event.originator_version > 1] == read[1:]

    with_tail(database, scenario)


def test_an_event_that_came_before_the_wait_counts(database: str, log: Log) -> None:
    async def scenario(tail: Tail) -> None:
        requested = await append(log, 1, "Asked")
        paid = await append(log, 2, "Paid")
        await until(lambda: tail.position == paid)
        assert await tail.wait_for(_STREAM, {"Paid"}, requested, in_seconds(10)) == paid

    with_tail(database, scenario)


def test_an_event_counts_that_came_while_the_wait_began_and_the_head_was_read(
    database: str,
) -> None:
    async def scenario(tail: Tail) -> None:
        with psycopg.connect(database) as connection:
            connection.execute("LOCK TABLE eventlog.events")
            await until(lambda: connection.execute(_IS_BLOCKED).fetchone() == (True,))
            waiting = asyncio.create_task(tail.wait_for(_STREAM, {"Paid"}, 0, in_seconds(10)))
            await asyncio.sleep(0)
            connection.execute(_INSERT, [_STREAM])
        assert await waiting == 1

    with_tail(database, scenario)


def test_an_event_from_before_the_tail_began_counts(database: str, log: Log) -> None:
    log.append([stored(_STREAM, 1), stored(_STREAM, 2, topic="Paid")])

    async def scenario(tail: Tail) -> None:
        assert await tail.wait_for(_STREAM, {"Paid"}, 1, in_seconds(10)) == 2

    with_tail(database, scenario)


def test_the_wait_ends_at_its_deadline(database: str, log: Log) -> None:
    log.append([stored(_STREAM, 1, topic="Paid")])

    async def scenario(tail: Tail) -> None:
        for after_position in (1, 0):
            topics = {"Refunded"} if after_position == 0 else {"Paid"}
            assert await tail.wait_for(_STREAM, topics, after_position, in_seconds(0.05)) is None

    with_tail(database, scenario)


def test_a_wait_that_is_over_leaves_nothing_in_memory(database: str) -> None:
    class Topics(set[str]):
        """A set to which a weak reference can be made."""

    async def scenario(tail: Tail) -> None:
        ended = Topics({"Paid"})
        left = weakref.ref(ended)
        going_on = asyncio.create_task(tail.wait_for(_STREAM, {"Paid"}, 0, in_seconds(60)))
        found = await tail.wait_for(_STREAM, ended, 0, in_seconds(0.05))
        del ended

        def is_forgotten() -> bool:
            gc.collect()
            return left() is None

        await until(is_forgotten)
        assert found is None
        going_on.cancel()
        await asyncio.wait([going_on])

    with_tail(database, scenario)


def test_many_waiters_cost_one_query_per_commit(database: str, log: Log) -> None:
    streams = [uuid4() for _ in range(200)]

    async def scenario(tail: Tail) -> None:
        waiting = [
            asyncio.create_task(tail.wait_for(stream, {"Paid"}, 0, in_seconds(10)))
            for stream in streams
        ]
        await asyncio.sleep(0)
        events = [stored(stream, topic="Paid") for stream in streams]
        positions = await asyncio.to_thread(log.append, events)
        assert await asyncio.gather(*waiting) == positions

    with_tail(database, scenario)


def test_subscribers_get_every_event_in_order_and_independently(
    database: str, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(tail: Tail) -> None:
        received: list[EventHeader] = []

        def broken(_: EventHeader) -> None:
            raise ValueError

        tail.subscribe(broken)
        unsubscribe = tail.subscribe(received.append)
        for version in range(1, 4):
            await append(log, version, "Happened")
        await until(lambda: [event.position for event in received] == [1, 2, 3])
        unsubscribe()
        last = await append(log, 4, "Happened")
        await until(lambda: tail.position == last)
        assert len(received) == 3
        assert (received[0].originator_id, received[0].topic) == (_STREAM, "Happened")

    with_tail(database, scenario)
    assert "subscriber" in caplog.text


def test_a_lost_connection_misses_nothing(log: Log, proxy: TcpProxy) -> None:
    async def scenario(tail: Tail) -> None:
        received: list[int] = []
        tail.subscribe(lambda event: received.append(event.position))
        waiting = asyncio.create_task(tail.wait_for(_STREAM, {"Paid"}, 0, in_seconds(10)))
        await append(log, 1, "Asked")
        await until(lambda: received == [1])
        proxy.refuse()
        await until(lambda: not tail.is_connected)
        await append(log, 2, "Paid")
        proxy.refuse(refuse=False)
        assert await waiting == 2
        assert received == [1, 2]

    with_tail(proxy.dsn, scenario)


def test_a_killed_backend_misses_nothing(database: str, log: Log) -> None:
    async def scenario(tail: Tail) -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'billhook tail' AND datname = current_database()"
            )
        await append(log, 1, "Paid")
        assert await tail.wait_for(_STREAM, {"Paid"}, 0, in_seconds(10)) == 1
        await until(lambda: tail.is_connected)

    with_tail(database, scenario)


def test_a_new_waiter_gets_events_from_while_nobody_listened(database: str, log: Log) -> None:
    async def scenario(tail: Tail) -> None:
        for version in range(1, 40, 2):
            requested = await append(log, version, "Asked")
            paid = await append(log, version + 1, "Paid")
            assert await tail.wait_for(_STREAM, {"Paid"}, requested, in_seconds(10)) == paid

    with_tail(database, scenario)


def test_a_late_waiter_does_not_wait_for_the_next_poll(database: str, log: Log) -> None:
    async def scenario(tail: Tail) -> None:
        waits_s = []
        for version in range(1, 22):
            position = await append(log, version, "Paid")
            called_s = time.monotonic()
            assert await tail.wait_for(_STREAM, {"Paid"}, position - 1, in_seconds(10)) == position
            waits_s.append(time.monotonic() - called_s)
        assert sorted(waits_s)[len(waits_s) // 2] < 0.04

    with_tail(database, scenario)


def test_while_nobody_listens_commits_are_not_read_one_by_one(database: str, log: Log) -> None:
    async def scenario(tail: Tail) -> None:
        positions = set()
        started_s = time.monotonic()
        for version in range(1, 301):
            await append(log, version, "Happened")
            positions.add(tail.position)
        looks = (time.monotonic() - started_s) / 0.1
        assert len(positions) <= looks + 2
        await until(lambda: tail.position == 300)

    with_tail(database, scenario)
