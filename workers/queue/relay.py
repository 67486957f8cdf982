"""The relay: follow the log, write rows of the work table, and dispatch them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from domain.core.aggregate import DomainEvent
from eventlog.codec import Codec
from eventlog.follow.follower import Follower, FollowerGroup
from eventlog.follow.handler import Cursor, RowsHandler, Writes
from eventlog.process.supervise import supervise
from eventlog.reading import RecordedEvent
from projections.work.notifier import FedNotifier, Notifier, WorkNotifier
from projections.work.table import CHANNEL, JobChange, WorkTable, apply_changes, writes_of
from workers.queue.broker import open_broker
from workers.queue.dispatch import Dispatcher
from workers.queue.reactions import DEFERRED, TOPICS, changes_for, is_without_row
from workers.settings import Settings

NAME: Final = "relay"
_DEFER_S: Final = 0.25


def relay_follower(dsn: str, *, group: FollowerGroup | None = None) -> Follower:
    """Create the follower. Rows and position commit together: no job is lost or doubled."""
    codec = Codec()

    def changes_of(batch: Sequence[RecordedEvent]) -> list[JobChange]:
        changes: list[JobChange] = []
        for recorded in batch:
            if is_without_row(recorded):
                continue
            event = codec.decode(recorded)
            assert isinstance(event, DomainEvent), "the relay follows domain events"  # noqa: S101 - TOPICS names domain events only
            changes += changes_for(event)
        return changes

    async def fold(_: Cursor, batch: Sequence[RecordedEvent]) -> Writes | None:
        return writes_of(changes_of(batch))

    async def handle(cursor: Cursor, batch: Sequence[RecordedEvent]) -> None:
        await apply_changes(cursor, changes_of(batch))

    return Follower(
        dsn,
        NAME,
        RowsHandler(fold, handle),
        topics=TOPICS,
        group=group,
        deferred=DEFERRED,
        defer_s=_DEFER_S,
    )


async def run_relay(
    settings: Settings, stop: asyncio.Event, *, group: FollowerGroup | None = None
) -> None:
    """Follow the log and dispatch until `stop` is set."""
    dsn = settings.database_url
    resend_after = timedelta(seconds=settings.resend_after_s)
    work, notifier = WorkTable(dsn, max_size=1, resend_after=resend_after), _notifier(dsn, group)
    work.open()
    dispatcher = Dispatcher(work, notifier, open_broker(settings.redis_url))
    ended = threading.Event()
    dispatching = supervise(
        asyncio.to_thread(dispatcher.run, ended), name="dispatcher", is_expected=ended.is_set
    )
    try:
        await relay_follower(dsn, group=group).run(stop)
    finally:
        ended.set()
        notifier.wake()
        await dispatching
        notifier.close()
        work.close()


def _notifier(dsn: str, group: FollowerGroup | None) -> Notifier:
    """Return a notifier on the session of the process's feed, if it has one."""
    if group is None:
        return WorkNotifier(dsn)
    notifier = FedNotifier()
    group.feed.listen(CHANNEL, notifier.notify)
    return notifier
