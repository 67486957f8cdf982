"""Cost of one more event on streams of 10 to 10,000 events: load, decide, append, project."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import uvloop

from domain.billing import Billing
from domain.core.snapshots import Snapshots
from domain.events import SUBSCRIPTION_TOPICS
from domain.subscriptions.subscription import Subscription
from eventlog.async_store import AsyncStore, pending_events
from eventlog.codec import Codec
from eventlog.database.connect import connect, connect_async
from eventlog.log import Log
from eventlog.persistence import register
from eventlog.reading import Connection
from projections.registry import find
from tests.benchmarks.environment import Stage
from tests.benchmarks.report import Report, say
from tests.benchmarks.summary_statistics import Figures, medians, ratio
from tests.benchmarks.workload import Effort
from tests.projections.subscriptions.random_events import provider_subscription, started

_NAME: Final = "benchmark streams"
_LENGTHS: Final = (10, 100, 1_000, 10_000)
_SHORTEST: Final = str(_LENGTHS[0])
_PROJECTIONS: Final = ("invoices", "subscriptions")
_AT_ONCE: Final = 500
# Steps take turns on so many events of short streams, which stay short by that.
_SHORT_STREAMS: Final = 400

Streams = dict[int, list[UUID]]

Step = Callable[[UUID], None]


def measure(stage: Stage, effort: Effort, report: Report) -> dict[str, object]:
    """Append to subscriptions of each length in turns, as a job and as the applier do."""
    dsn = stage.database("streams")
    ids = {
        length: [_fill(dsn, length=length) for _ in range(max(1, _SHORT_STREAMS // length))]
        for length in _LENGTHS
    }
    found: dict[str, object] = {}
    # Of the process alone: what the database does for a step does not depend on the length.
    with closing(Log.open(dsn)) as log:
        for name, most_bytes in (("without_snapshots", 0), ("now", 32 * 2**20)):
            steps = {
                "job": _job(log, most_bytes=most_bytes),
                "apply": _apply(log, most_bytes=most_bytes),
            }
            rounds = [
                _round(steps, ids, steps_each=effort.requests) for _ in range(1 + effort.rounds)
            ]
            found[name] = _compared(rounds[1:])  # the first one reads the whole streams
            say(f"streams, {name}: {found[name]}")
    found["projected"] = _compared(uvloop.run(_project(dsn, ids, effort)))
    say(f"streams, projected: {found['projected']}")
    _check(dsn, ids, report)
    return found


def _compared(rounds: Sequence[Figures]) -> dict[str, object]:
    """Return the medians in milliseconds, and each length's ratio to the shortest."""
    compared: dict[str, object] = {"ms": medians(rounds)}
    shortest = {name for name in rounds[0] if name.endswith(f" {_SHORTEST}")}
    compared["ratio_to_10"] = {
        name: ratio([one[name] for one in rounds], [one[base] for one in rounds])
        for base in shortest
        for name in rounds[0]
        if name.split()[0] == base.split()[0] and name != base
    }
    return compared


def _round(steps: dict[str, Step], ids: Streams, *, steps_each: int) -> Figures:
    figures: Figures = {}
    for name, step in steps.items():
        for length, streams in ids.items():
            started_s = time.process_time()
            for number in range(steps_each):
                step(streams[number % len(streams)])
            taken_s = time.process_time() - started_s
            figures[f"{name} {length}"] = 1000 * taken_s / steps_each
    return figures


def _change(subscription: Subscription) -> None:
    """Record a state that differs from the one before and is newer."""
    seen = provider_subscription(
        id=subscription.view.provider_subscription_id,
        state="past_due" if subscription.view.status == "active" else "active",
        as_of=subscription.view.as_of + 1,
    )
    subscription.record_provider_state(
        seen,
        source="webhook",
        actor="webhook:evt_1",
        occurred_at=subscription.modified_on + timedelta(seconds=1),
    )


def _fill(dsn: str, *, length: int) -> UUID:
    """Append a subscription with so many events; its id."""
    subscription = started()
    while subscription.version < length:
        _change(subscription)
    codec = Codec()
    events = [codec.encode(event) for event in subscription.collect_events()]
    with closing(Log.open(dsn)) as log:
        for start in range(0, len(events), _AT_ONCE):
            log.append(events[start : start + _AT_ONCE])
    return subscription.id


def _job(log: Log, *, most_bytes: int) -> Step:
    register(_NAME, log)
    billing = Billing(
        env={"PERSISTENCE_MODULE": "eventlog.persistence", "EVENTLOG_NAME": _NAME},
        snapshots=Snapshots(most_bytes=most_bytes),
    )

    def step(stream: UUID) -> None:
        billing.change(Subscription, stream, _change)

    return step


def _apply(log: Log, *, most_bytes: int) -> Step:
    store = AsyncStore(log, snapshots=Snapshots(most_bytes=most_bytes))

    def step(stream: UUID) -> None:
        asyncio.run_coroutine_threadsafe(_append_one(store, stream), log.loop).result()

    return step


async def _project(dsn: str, ids: Streams, effort: Effort) -> list[Figures]:
    """Project the streams, then one more event of each in turns.

    Milliseconds of processor time, of this process and of the session that writes the rows.
    """
    log = await Log.open_async(dsn)
    try:
        async with await connect_async(dsn, application_name="benchmark") as connection:
            position = await _project_after(connection, log, 0)
            pid = connection.info.backend_pid
            # A stream that is read whole leaves the caches of processor and allocator to the step.
            store = AsyncStore(log, snapshots=Snapshots(most_bytes=32 * 2**20))
            rounds: list[Figures] = []
            for number in range(effort.rounds * effort.requests):
                figures: Figures = {}
                for length, streams in ids.items():
                    await _append_one(store, streams[number % len(streams)])
                    before_s = _processor_s(pid)
                    position = await _project_after(connection, log, position)
                    figures[f"projected {length}"] = 1000 * (_processor_s(pid) - before_s)
                rounds.append(figures)
            return rounds
    finally:
        await log.close_async()


def _processor_s(pid: int) -> float:
    """Return the processor time of this process and another one, to the nanosecond (Linux)."""
    return time.process_time() + int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


async def _project_after(connection: Connection, log: Log, position: int) -> int:
    """Project all events after a position; return the position of the last one."""
    while events := await log.read_async(position, _AT_ONCE, SUBSCRIPTION_TOPICS):
        async with connection.transaction(), connection.cursor() as cursor:
            for name in _PROJECTIONS:
                await find(name).handler(f"read_{name}_g1")(cursor, events)
        position = events[-1].position
    return position


async def _append_one(store: AsyncStore, stream: UUID) -> None:
    loaded = await store.load([stream])
    subscription = store.rebuild(Subscription, loaded[stream])
    if subscription is None:
        raise RuntimeError("the subscription is not there")
    _change(subscription)
    await store.append(pending_events(subscription))


def _check(dsn: str, ids: Streams, report: Report) -> None:
    """Compare the projected versions with the log's."""
    query = "SELECT version FROM read.subscriptions WHERE subscription_id = %s"
    with closing(Log.open(dsn)) as log, connect(dsn, application_name="benchmark") as connection:
        for stream in (stream for streams in ids.values() for stream in streams):
            (newest,) = log.stream(stream, newest_first=True, limit=1)
            row = connection.execute(query, [stream]).fetchone()
            if row is None or row[0] != newest.originator_version:
                report.fail(f"streams: version {newest.originator_version}, row {row}")
