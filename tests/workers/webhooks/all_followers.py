"""All followers of a log, run until each has passed the log's head."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from eventlog.database.connect import connect_async
from eventlog.follow.positions import follower_states
from eventlog.log import Log
from projections.generations.runner import Projections
from tests.support.wait_until import until_async
from workers.queue.relay import relay_follower
from workers.webhooks.apply import apply_follower


@asynccontextmanager
async def all_followers(database: str, *, now: Callable[[], datetime]) -> AsyncIterator[None]:
    """Run apply, the relay and the projections; leave once all events are handled."""
    stop = asyncio.Event()
    log = await Log.open_async(database)
    running = [
        asyncio.ensure_future(work)
        for work in (
            apply_follower(database, log, now=now).run(stop),
            relay_follower(database).run(stop),
            Projections(database).run(stop),
        )
    ]
    try:
        yield
        await caught_up(database)
    finally:
        stop.set()
        await asyncio.gather(*running)
        await log.close_async()


async def caught_up(database: str) -> None:
    """Wait until every follower has passed the log's head; fail where one has stopped."""
    async with await connect_async(database, application_name="test") as connection:

        async def passed() -> bool:
            states = await follower_states(connection)
            failing = [(one.name, one.failed_position, one.error) for one in states]
            assert not [one for one in failing if one[1] is not None], failing
            names = {one.name for one in states}
            return {"apply", "relay"} <= names and all(one.lag_events == 0 for one in states)

        await until_async(passed, timeout_s=300)


def follow_to_head(database: str, *, now: Callable[[], datetime]) -> None:
    """Run every follower up to the log's head; fail where one stops."""

    async def follow() -> None:
        async with all_followers(database, now=now):
            pass

    asyncio.run(follow())
