"""A feed that runs while a test does, and events for it."""

import asyncio
from collections.abc import Awaitable, Callable

from eventlog.follow.feed import Feed
from eventlog.log import Log
from tests.eventlog.stored_events import stored


def with_feed(feed: Feed, scenario: Callable[[Feed], Awaitable[None]]) -> None:
    async def run() -> None:
        stop = asyncio.Event()
        feeding = asyncio.create_task(feed.run(stop))
        try:
            await scenario(feed)
        finally:
            stop.set()
            await feeding

    asyncio.run(run())


async def append(log: Log, *topics: str) -> None:
    await asyncio.to_thread(log.append, [stored(topic=topic) for topic in topics])
