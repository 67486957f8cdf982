"""Events that wait for others to be handled with."""

import asyncio
import time

import psycopg
import pytest

from eventlog.follow.feed import Feed
from eventlog.follow.follower import Follower, FollowerGroup
from eventlog.log import Log
from tests.eventlog.follow.feeding import append, with_feed
from tests.eventlog.follow.seen_rows import Rows, Running
from tests.support.wait_until import until

pytestmark = pytest.mark.usefixtures("_table")


@pytest.mark.parametrize("is_shared", [True, False])
def test_deferred_events_are_handled_with_those_after_them(
    database: str, log: Log, *, is_shared: bool
) -> None:
    async def scenario(feed: Feed) -> None:
        rows = Rows()
        follower = Follower(
            database,
            "rows",
            rows,
            topics=["Urgent", "Deferred"],
            group=FollowerGroup(feed) if is_shared else None,
            deferred=["Deferred"],
            defer_s=3600,
        )
        async with Running(follower):
            await append(log, "Urgent")
            await until(lambda: rows.handled == [1])
            await append(log, "Deferred")
            await append(log, "Deferred")
            await append(log, "Urgent")
            await until(lambda: rows.handled == [1, 2, 3, 4])
        assert [2] not in rows.batches

    with_feed(Feed(database), scenario)


@pytest.mark.parametrize("is_shared", [True, False])
def test_deferred_events_are_handled_in_time_without_others(
    database: str, log: Log, *, is_shared: bool
) -> None:
    async def scenario(feed: Feed) -> None:
        rows = Rows()
        topics, group = ["Deferred"], FollowerGroup(feed) if is_shared else None
        follower = Follower(
            database, "rows", rows, topics=topics, group=group, deferred=topics, defer_s=0.3
        )
        async with Running(follower):
            await until(lambda: follower.is_leading)
            appended_s = time.monotonic()
            await append(log, "Deferred")
            await until(lambda: rows.handled == [1])
            assert time.monotonic() - appended_s >= 0.3
            await append(log, *topics * 5)
            await until(lambda: len(rows.handled) == 6)

    with_feed(Feed(database), scenario)


def test_deferred_events_wait_longer_after_a_batch_than_after_a_quiet_moment(
    database: str, log: Log
) -> None:
    async def scenario(feed: Feed) -> None:
        rows = Rows()
        topics = ["Urgent", "Deferred"]
        follower = Follower(
            database,
            "rows",
            rows,
            topics=topics,
            group=FollowerGroup(feed),
            deferred=["Deferred"],
            defer_s=0.01,
            between_deferred_s=3600,
        )
        async with Running(follower):
            await until(lambda: follower.is_leading)
            await append(log, "Deferred")
            await until(lambda: rows.handled == [1])
            await append(log, "Deferred")
            await append(log, "Deferred")
            await append(log, "Urgent")
            await until(lambda: rows.handled == [1, 2, 3, 4])
        assert [2] not in rows.batches

    with_feed(Feed(database), scenario)


def test_deferred_events_are_handled_at_once_for_a_reader_that_waits(
    database: str, log: Log
) -> None:
    async def scenario(feed: Feed) -> None:
        rows, group = Rows(), FollowerGroup(feed)
        topics = ["Deferred"]
        follower = Follower(
            database,
            "rows",
            rows,
            topics=topics,
            group=group,
            deferred=topics,
            defer_s=3600,
            read_model="books",
        )
        async with Running(follower):
            await until(lambda: feed.read(0, limit=1, topics=None) is not None)
            # The first batch has one event, and does not wait where others follow it.
            await append(log, "Deferred", "Deferred")
            await until(lambda: rows.handled == [1])
            await append(log, "Other")
            await until(lambda: (feed.read(0, limit=3, topics=None) or (0,))[0] == 3)
            assert rows.handled == [1]
            with psycopg.connect(database, autocommit=True) as reader:
                reader.execute("NOTIFY billhook_hurry, 'books'")
                await until(lambda: rows.handled == [1, 2])
                query = "SELECT position FROM eventlog.followers"
                await until(lambda: reader.execute(query).fetchone() == (3,))

    with_feed(Feed(database), scenario)


def test_a_follower_whose_events_may_all_wait_reads_an_idle_log_once_a_second(
    database: str, log: Log
) -> None:
    async def scenario() -> None:
        rows = Rows()
        topics = ["A"]
        follower = Follower(database, "rows", rows, topics=topics, deferred=topics, defer_s=0.001)
        async with Running(follower):
            await append(log, "A")
            await until(lambda: rows.handled == [1])
            started_s, queries = time.monotonic(), set[object]()
            with psycopg.connect(database, autocommit=True) as connection:

                def watched() -> bool:
                    queries.update(connection.execute(_QUERY_TIMES).fetchall())
                    return time.monotonic() - started_s > 1.5

                await until(watched)
            assert len(queries) <= 2 * (time.monotonic() - started_s) + 2

    asyncio.run(scenario())


_QUERY_TIMES = (
    "SELECT query_start FROM pg_stat_activity"
    " WHERE application_name = 'billhook follower rows' AND datname = current_database()"
)
