"""Followers of one process that share a feed."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
import pytest

from domain.operations.skipped_event import SkipEvent, SkippedEvent
from eventlog.async_store import pending_events
from eventlog.codec import Codec
from eventlog.follow.feed import Feed
from eventlog.follow.follower import Follower, FollowerGroup, follower_sessions
from eventlog.follow.handler import OutsideHandler
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from tests.eventlog.follow.feeding import append, with_feed
from tests.eventlog.follow.seen_rows import Rows, Running, seen
from tests.eventlog.stored_events import stored
from tests.support.tcp_proxy import TcpProxy
from tests.support.wait_until import until

pytestmark = pytest.mark.usefixtures("_table")


class Effects:
    """A handler that writes no rows."""

    def __init__(self) -> None:
        self.handled: list[int] = []

    async def __call__(self, batch: Sequence[RecordedEvent]) -> None:
        self.handled += [event.position for event in batch]


def test_followers_get_what_was_before_the_feed_and_what_comes(database: str, log: Log) -> None:
    log.append([stored(topic="Old") for _ in range(7)])

    async def scenario(feed: Feed) -> None:
        rows, others = Rows(), Rows()
        mine = Follower(
            database, "mine", rows, topics=["Old", "New"], group=FollowerGroup(feed), batch=3
        )
        theirs = Follower(database, "theirs", others, topics=["Rare"], group=FollowerGroup(feed))
        async with Running(mine, theirs):
            for _ in range(20):
                await append(log, "New", "Other")
            await until(lambda: len(rows.handled) == 27)
        assert rows.handled == [*range(1, 8), *range(8, 48, 2)]
        assert others.handled == []

    with_feed(Feed(database), scenario)
    assert seen(database) == [*range(1, 8), *range(8, 48, 2)]


def test_followers_that_share_a_session_lead_again_after_it_was_lost(
    database: str, log: Log
) -> None:
    def sessions() -> int:
        with psycopg.connect(database, autocommit=True) as connection:
            row = connection.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name = 'shared'"
            ).fetchone()
        return 0 if row is None else int(row[0])

    async def scenario(feed: Feed) -> None:
        rows, effects = Rows(), Effects()

        async def handled(mine: set[int], theirs: set[int]) -> None:
            await until(lambda: (set(rows.handled), set(effects.handled)) == (mine, theirs))

        group = FollowerGroup(feed, follower_sessions(database, application_name="shared"))
        mine = Follower(database, "mine", rows, topics=["Mine"], group=group)
        theirs = Follower(
            database, "theirs", OutsideHandler(effects), topics=["Theirs"], group=group
        )
        async with Running(theirs):
            async with Running(mine):
                await append(log, "Mine", "Theirs")
                await handled({1}, {2})
                assert await asyncio.to_thread(sessions) == 1
                await append(log, "Theirs", "Mine")
                await handled({1, 4}, {2, 3})
            await append(log, "Mine", "Theirs")
            await handled({1, 4}, {2, 3, 6})

    with_feed(Feed(database), scenario)
    assert (seen(database), sessions()) == ([1, 4], 0)


def test_a_feed_that_loses_its_connection_leaves_nothing_out(
    database: str, log: Log, proxy: TcpProxy
) -> None:
    async def scenario(feed: Feed) -> None:
        rows = Rows()
        async with Running(Follower(database, "rows", rows, group=FollowerGroup(feed))):
            await append(log, "A")
            await until(lambda: rows.handled == [1])
            proxy.cut_clients()
            await append(log, "B", "C")
            await until(lambda: rows.handled == [1, 2, 3])
            await append(log, "D")
            await until(lambda: rows.handled == [1, 2, 3, 4])

    with_feed(Feed(proxy.dsn), scenario)


@pytest.mark.parametrize("is_cut", [True, False])
def test_a_feed_without_a_server_forgets_events_that_a_standby_may_not_have(
    log: Log, proxy: TcpProxy, *, is_cut: bool
) -> None:
    async def scenario(feed: Feed) -> None:
        def read() -> tuple[int, int] | None:
            known = feed.read(0, limit=10, topics=None)
            return None if known is None else (known[0], len(known[1]))

        await until(lambda: read() == (0, 0))
        await append(log, "A", "B")
        await until(lambda: read() == (2, 2))
        if is_cut:
            proxy.refuse()
        else:
            proxy.freeze()
        await until(lambda: read() is None)
        proxy.refuse(refuse=False)
        proxy.thaw()
        await until(lambda: feed.read(2, limit=10, topics=None) == (2, []))
        assert is_cut == (read() is None)

    with_feed(Feed(proxy.dsn, max_age_s=60 if is_cut else 1.5), scenario)


def test_followers_of_a_feed_decode_an_event_once(database: str, log: Log) -> None:
    skip = SkipEvent(follower="rows", position=1, reason="test", actor="test")
    skipped = SkippedEvent.create(skip, occurred_at=datetime.now(UTC))

    async def scenario(feed: Feed) -> None:
        await until(lambda: feed.read(0, limit=1, topics=None) is not None)
        events = [Codec().encode(event) for event in pending_events(skipped)]
        await asyncio.to_thread(log.append, events)
        await until(lambda: bool((feed.read(0, limit=1, topics=None) or (0, []))[1]))
        known = feed.read(0, limit=1, topics=None)
        assert known is not None
        first, second = (Codec().decode(known[1][0]) for _ in range(2))
        assert first is second
        known[1][0].forget_decoded()
        third = Codec().decode(known[1][0])
        assert third is not first
        assert third == first

    with_feed(Feed(database), scenario)


def test_another_channel_is_heard_on_the_feeds_session_also_after_it_was_lost(
    database: str, proxy: TcpProxy
) -> None:
    async def scenario(feed: Feed) -> None:
        heard: list[float] = []

        async def notified() -> None:
            before = len(heard)
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute("NOTIFY other")
            await until(lambda: len(heard) > before)

        await until(lambda: feed.read(0, limit=1, topics=None) is not None)
        feed.listen("other", lambda: heard.append(time.monotonic()))
        await until(lambda: len(heard) == 1)  # what came before may have been lost
        await notified()
        proxy.cut_clients()
        await until(lambda: len(heard) == 3)
        await notified()

    with_feed(Feed(proxy.dsn), scenario)
