"""Relay, apply, scheduler and projections in one process: where one machine runs all of them."""

from __future__ import annotations

import asyncio
import gc

from eventlog.follow.feed import running_feed
from eventlog.follow.follower import FollowerGroup, follower_sessions
from eventlog.log import Log
from projections.generations.runner import Projections
from workers.queue.relay import run_relay
from workers.runtime import utc_now
from workers.schedule import run_schedule
from workers.settings import Settings
from workers.webhooks.apply import apply_follower


async def run_background(settings: Settings, stop: asyncio.Event) -> None:
    """Run all of them on one loop until `stop`, with one reader of the log's end.

    Any that fails ends the others.
    """
    # Folds make no cyclic garbage, and a batch has tens of thousands of objects to be searched.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    dsn = settings.database_url
    log = await Log.open_async(dsn, application_name="billhook background")
    try:
        async with running_feed(dsn) as feed:
            sessions = follower_sessions(dsn, application_name="billhook followers")
            group = FollowerGroup(feed, sessions)
            try:
                await asyncio.gather(
                    Projections(dsn, feed=feed).run(stop),
                    run_relay(settings, stop, group=group),
                    apply_follower(dsn, log, now=utc_now, group=group).run(stop),
                    run_schedule(settings, stop, group=group, log=log),
                )
            finally:
                stop.set()
    finally:
        await log.close_async()
