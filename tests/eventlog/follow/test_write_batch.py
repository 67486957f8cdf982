"""Batches whose rows and position are written by one statement, and rows that are locked."""

import asyncio
from collections.abc import Sequence

import psycopg
import pytest

from eventlog.follow.feed import Feed
from eventlog.follow.follower import Follower, FollowerGroup, follower_sessions
from eventlog.follow.handler import Cursor, RowsHandler, Writes
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from tests.eventlog.follow.feeding import with_feed
from tests.eventlog.follow.seen_rows import Rows, Running, seen, state_of
from tests.eventlog.stored_events import stored
from tests.support.wait_until import until, until_async

pytestmark = pytest.mark.usefixtures("_table")

_INSERT = b"INSERT INTO seen SELECT * FROM unnest(%s::bigint[])"


class OneStatement:
    """Inserts a batch by one statement, or event by event in a transaction where it is odd."""

    def __init__(self, *, raise_on: str | None = None) -> None:
        self.together: list[int] = []
        self.one_by_one = Rows(raise_on=raise_on)
        self.raise_on = raise_on

    def handler(self) -> RowsHandler:
        return RowsHandler(self._fold, self.one_by_one)

    async def _fold(self, _: Cursor, batch: Sequence[RecordedEvent]) -> Writes | None:
        positions = [event.position for event in batch]
        if any(event.topic == "Transaction" for event in batch):
            return None
        if any(event.topic == self.raise_on for event in batch):
            raise ValueError("a secret of a tenant")
        self.together += positions
        return Writes([(_INSERT, [positions])], notify="inserted")


def test_rows_and_position_are_written_by_one_statement_or_in_a_transaction(
    database: str, log: Log
) -> None:
    log.append([stored(topic=topic) for topic in ("A", "A", "Transaction", "A")])

    async def scenario() -> None:
        rows = OneStatement()
        with psycopg.connect(database, autocommit=True) as listening:
            listening.execute("LISTEN inserted")
            async with Running(Follower(database, "rows", rows.handler(), batch=1)):
                await until(lambda: seen(database) == [1, 2, 3, 4])
            assert [n.channel for n in listening.notifies(timeout=0)] == ["inserted"] * 3
        assert (rows.together, rows.one_by_one.handled) == ([1, 2, 4], [3])
        assert (await state_of(database)).position == 4

    asyncio.run(scenario())


def test_a_statement_of_a_follower_whose_position_moved_writes_nothing(
    database: str, log: Log
) -> None:
    log.append([stored() for _ in range(3)])

    async def scenario() -> None:
        rows = OneStatement()
        async with Running(Follower(database, "rows", rows.handler())):
            await until(lambda: seen(database) == [1, 2, 3])
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute("DELETE FROM seen")
                connection.execute("UPDATE eventlog.followers SET position = 1")
            await asyncio.to_thread(log.append, [stored()])
            await until(lambda: seen(database) == [2, 3, 4])
        # Position 4 was offered first by the leader that then stepped down.
        assert rows.together == [1, 2, 3, 4, 2, 3, 4]

    asyncio.run(scenario())


def test_an_event_whose_statement_fails_stops_the_follower_until_it_succeeds(
    database: str, log: Log
) -> None:
    log.append([stored(topic=topic) for topic in ("A", "Bad", "A")])

    async def scenario() -> None:
        rows = OneStatement(raise_on="Bad")
        async with Running(Follower(database, "rows", rows.handler())):

            async def failed() -> bool:
                return (await state_of(database)).failed_position == 2

            await until_async(failed)
            assert seen(database) == [1]
            rows.raise_on = rows.one_by_one.raise_on = None
            await until(lambda: seen(database) == [1, 2, 3])
            assert not (await state_of(database)).is_failing

    asyncio.run(scenario())


def test_a_follower_that_waits_for_a_lock_lets_the_others_of_its_session_go_on(
    database: str, log: Log
) -> None:
    async def scenario(feed: Feed) -> None:
        group = FollowerGroup(feed, follower_sessions(database, application_name="shared"))
        waiting, others = OneStatement(), Rows()

        async def ignore(_: Cursor, batch: Sequence[RecordedEvent]) -> None:
            others.batches.append([event.position for event in batch])

        with psycopg.connect(database) as lock:
            lock.execute("LOCK TABLE seen")
            async with Running(
                Follower(database, "rows", waiting.handler(), topics=["A"], group=group),
                Follower(database, "others", ignore, topics=["B"], group=group),
            ):
                await asyncio.to_thread(log.append, [stored(topic="A"), stored(topic="B")])
                await until(lambda: len(waiting.together) >= 2)
                await until(lambda: others.handled == [2])
                with psycopg.connect(database, autocommit=True) as connection:
                    failures = connection.execute("TABLE eventlog.follower_failures").fetchall()
                lock.rollback()
                await until(lambda: seen(database) == [1])
        assert failures == []

    with_feed(Feed(database), scenario)
