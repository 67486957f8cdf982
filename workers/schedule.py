"""The scheduler: periodic tasks and reconciliation, run by one process at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from domain.billing import Billing
from domain.inbox.dead_letters import replay_dead_letters
from eventlog import persistence
from eventlog.follow.follower import FollowerGroup
from eventlog.follow.leader import Leadership, until_beat_s
from eventlog.log import Log
from eventlog.partitions.layout import add_partition_ahead
from projections.inbox.dead_letters import due_dead_letters
from projections.work.provider_lookup import delete_expired_lookups
from projections.work.retention import expire_bodies
from projections.work.table import WorkTable
from workers.reconciliation.item_changes import open_items_follower
from workers.reconciliation.run import run_reconciliation
from workers.runtime import open_billing, utc_now
from workers.settings import Settings
from workers.webhooks.health import keep_checking

_log = structlog.get_logger("billhook.schedule")

_OVERDUE = timedelta(minutes=5)
_MOST_LETTERS = 200
_LOG_NAME = "schedule"


@dataclass
class Task:
    """A task that runs every `every` in a thread; its result is logged under its name."""

    name: str
    every: timedelta
    run: Callable[[], int]
    due_at_s: float = 0.0


def tasks(settings: Settings, work: WorkTable, billing: Billing) -> list[Task]:
    """Return all periodic tasks."""
    life = timedelta(days=settings.body_life_days)
    return [
        Task("watch_work", timedelta(minutes=1), lambda: watch_work(work)),
        Task(
            "retry_dead_letters",
            timedelta(minutes=1),
            lambda: retry_dead_letters(settings.database_url, billing, now=utc_now()),
        ),
        Task(
            "delete_expired_lookups",
            timedelta(minutes=1),
            lambda: delete_expired_lookups(settings.database_url),
        ),
        Task(
            "expire_bodies",
            timedelta(hours=1),
            lambda: expire_bodies(settings.database_url, life=life),
        ),
        Task(
            "add_partition_ahead",
            timedelta(minutes=10),
            lambda: add_partition_ahead(settings.database_url),
        ),
    ]


def retry_dead_letters(dsn: str, billing: Billing, *, now: datetime) -> int:
    """Replay the dead letters whose reason may have passed; return how many."""
    found = due_dead_letters(dsn, now=now, limit=_MOST_LETTERS)
    return replay_dead_letters(billing, found, actor="schedule", occurred_at=now)


def watch_work(work: WorkTable) -> int:
    """Log a warning for each overdue job: its provider or the workers are failing."""
    overdue = work.overdue(older_than=_OVERDUE)
    for job in overdue:
        _log.warning("work.overdue", job=job.key, tries=job.tries, sends=job.sends)
    return len(overdue)


async def run_schedule(
    settings: Settings,
    stop: asyncio.Event,
    *,
    group: FollowerGroup | None = None,
    log: Log | None = None,
) -> None:
    """Run the tasks while leader, and reconciliation, until `stop` is set.

    Reconciliation has a leader of its own; without master keys no connection's key can be read.
    `group` and `log`: those of the process, where other roles run in it, too.
    """
    dsn, sessions = settings.database_url, group.sessions if group else None
    work = WorkTable(dsn, min_size=0, max_size=1)
    work.open()
    opened = log or await Log.open_async(dsn, application_name="billhook schedule")
    planned = tasks(settings, work, open_billing(opened, name=_LOG_NAME))

    async def lead() -> None:
        while True:
            await run_due(planned)
            await asyncio.sleep(until_beat_s(asyncio.get_running_loop().time()))

    try:
        async with asyncio.TaskGroup() as roles:
            roles.create_task(Leadership(dsn, "schedule", sessions=sessions).run(lead, stop=stop))
            roles.create_task(open_items_follower(dsn, group=group).run(stop))
            if settings.reconcile and settings.master_keys is not None:
                roles.create_task(run_reconciliation(settings, stop, sessions=sessions))
                roles.create_task(keep_checking(settings, stop, sessions=sessions))
            else:
                _log.warning("schedule.reconciliation_off", reconcile=settings.reconcile)
    finally:
        persistence.register(_LOG_NAME, None)
        if log is None:
            await opened.close_async()
        work.close()


async def run_due(planned: list[Task]) -> None:
    """Run the due tasks; a failed task is logged and runs again at its next time."""
    now_s = asyncio.get_running_loop().time()
    for task in planned:
        if task.due_at_s <= now_s:
            task.due_at_s = now_s + task.every.total_seconds()
            try:
                done = await asyncio.to_thread(task.run)
            except Exception:  # noqa: BLE001 - one task's trouble is not the others'
                _log.exception("schedule.failed", task=task.name)
            else:
                _log.info("schedule.ran", task=task.name, done=done)
