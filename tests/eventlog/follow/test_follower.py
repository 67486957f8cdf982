"""Followers: batches, positions, and events that a handler cannot handle."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
import pytest

from domain.operations.skipped_event import SkipEvent, SkippedEvent
from eventlog.codec import Codec
from eventlog.follow.follower import Follower
from eventlog.follow.handler import Cursor
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from tests.eventlog.follow.seen_rows import Rows, Running, run, seen, state_of
from tests.eventlog.stored_events import stored
from tests.support.wait_until import until, until_async

pytestmark = pytest.mark.usefixtures("_table")


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
            assert (state.error or "").startswith("ValueError at follow/seen_rows.py")
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


def test_an_event_that_fails_is_found_by_halves_of_its_batch(database: str, log: Log) -> None:
    before, after = 500, 300
    topics = ["Harmless"] * before + ["Poison"] + ["Harmless"] * after
    log.append([stored(topic=topic) for topic in topics])
    sizes: list[int] = []

    async def count(_: Cursor, events: Sequence[RecordedEvent]) -> None:
        sizes.append(len(events))
        if any(event.topic == "Poison" for event in events) and not is_mended.is_set():
            raise ValueError

    is_mended = asyncio.Event()

    async def scenario() -> None:
        async with Running(Follower(database, "rows", count, batch=400)):

            async def failing() -> bool:
                return (await state_of(database)).failed_position == before + 1

            await until_async(failing)
            # Growing batches, the halves, and repetitions of the event alone: one by one, all that
            # precede it in its batch were handled before.
            assert len(sizes) < 40
            is_mended.set()

            async def done() -> bool:
                return (await state_of(database)).position == len(topics)

            await until_async(done)
            assert sizes[-1] > 200  # behind the event batches are as large as before

    run(scenario)


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
