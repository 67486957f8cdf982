"""Test that a read of many events stops behind so many bytes, and that a follower misses none."""

import asyncio

import pytest

from eventlog.database.connect import connect_async
from eventlog.follow.follower import Follower
from eventlog.follow.read_on import MOST_BYTES, is_cut, read_on
from eventlog.log import Log
from tests.eventlog.follow.seen_rows import Rows, Running, run, seen
from tests.eventlog.stored_events import stored
from tests.support.wait_until import until

pytestmark = pytest.mark.usefixtures("_table")

_LARGE = b"x" * (MOST_BYTES // 4)


def test_a_read_ends_behind_the_event_with_which_it_is_large(database: str, log: Log) -> None:
    async def scenario() -> None:
        for state in (b"{}", *[_LARGE] * 6):
            await asyncio.to_thread(log.append, [stored(state=state)])
        async with await connect_async(database, application_name="test") as connection:
            head, events = await read_on(connection, 0, limit=8_000, window=10_000)
            assert (head, [event.position for event in events]) == (7, [1, 2, 3, 4, 5])
            assert is_cut(events, limit=8_000)
            head, events = await read_on(connection, 5, limit=8_000, window=10_000)
            assert (head, [event.position for event in events]) == (7, [6, 7])
            assert not is_cut(events, limit=8_000)

    run(scenario)


def test_an_event_that_is_larger_by_itself_is_read(database: str, log: Log) -> None:
    async def scenario() -> None:
        await asyncio.to_thread(log.append, [stored(state=_LARGE)])
        async with await connect_async(database, application_name="test") as connection:
            _, events = await read_on(connection, 0, limit=501, window=10_000, topics=["Happened"])
            assert [event.position for event in events] == [1]

    run(scenario)


def test_a_follower_in_large_batches_handles_large_events_of_its_topics(
    database: str, log: Log
) -> None:
    async def scenario() -> None:
        rows = Rows()
        for _ in range(2):
            await asyncio.to_thread(log.append, [stored() for _ in range(600)])
            for _ in range(6):
                await asyncio.to_thread(log.append, [stored(state=_LARGE), stored(topic="Other")])
        wanted = [n for n in range(1, 1225) if n % 612 not in (602, 604, 606, 608, 610, 0)]
        async with Running(Follower(database, "rows", rows, topics=["Happened"], batch=8_000)):
            await until(lambda: len(seen(database)) == len(wanted))
        assert rows.handled == wanted

    run(scenario)
