"""Appends per second to the bare log, beside eventsourcing's own recorder on the same server."""

import asyncio
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from uuid import UUID, uuid4

import uvloop
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import StoredEvent

import eventlog
from eventlog.database.migrate import migrate
from eventlog.log import Log
from eventlog.persistence import register
from tests.benchmarks.environment import Stage
from tests.benchmarks.report import Report, say
from tests.benchmarks.servers import eventsourcing_settings
from tests.benchmarks.summary_statistics import ratio, rounded
from tests.benchmarks.workload import CALLERS, Effort

_NAME: Final = "benchmark appends"
_STATE: Final = b'{"name":"' + b"x" * 400 + b'"}'
_BASE: Final = "eventsourcing_save_threads"

Way = Callable[[int], float]
"""Append from so many callers; appends per second."""


class Thing(Aggregate):
    """Something whose event is as small as most of ours."""

    def __init__(self, name: str) -> None:
        self.name = name


def measure(stage: Stage, effort: Effort, report: Report) -> dict[str, object]:
    """Run the ways to append in turns. Failures raise, so none is reported."""
    del report
    dsn = stage.empty_database("appends")
    migrate(dsn, eventlog.MIGRATIONS)
    found: dict[str, object] = {}
    with _ways(dsn, seconds=effort.append_s) as ways:
        for callers in CALLERS:
            rates: defaultdict[str, list[float]] = defaultdict(list)
            for _ in range(effort.rounds):
                for name, way in ways.items():
                    rates[name].append(way(callers))
            found[str(callers)] = _compared(rates)
            medians = [f"{name} {statistics.median(own):,.0f}" for name, own in rates.items()]
            say(f"{callers} callers, per second: {', '.join(medians)}")
    return found


def _compared(rates: Mapping[str, list[float]]) -> dict[str, object]:
    base = rates[_BASE]
    return {
        name: {
            "per_second": rounded(statistics.median(own)),
            "ratio_to_eventsourcing": ratio(own, base),
        }
        for name, own in rates.items()
    }


@contextmanager
def _ways(dsn: str, *, seconds: float) -> Iterator[Mapping[str, Way]]:
    log = Log.open(dsn)
    register(_NAME, log)
    theirs = Application[UUID](env=eventsourcing_settings(dsn))
    ours = Application[UUID](
        env={"PERSISTENCE_MODULE": "eventlog.persistence", "EVENTLOG_NAME": _NAME}
    )

    def threads(act: Callable[[], object]) -> Way:
        return lambda callers: _by_threads(act, callers=callers, seconds=seconds)

    try:
        yield {
            _BASE: threads(lambda: theirs.save(Thing(name="x" * 400))),
            "log_save_threads": threads(lambda: ours.save(Thing(name="x" * 400))),
            "log_append_threads": threads(lambda: log.append([_event()])),
            "log_append_async_tasks": lambda callers: _by_tasks(
                dsn, callers=callers, seconds=seconds
            ),
        }
    finally:
        theirs.close()
        ours.close()
        register(_NAME, None)
        log.close()


def _event() -> StoredEvent:
    return StoredEvent(uuid4(), 1, "Happened", _STATE)


def _by_threads(act: Callable[[], object], *, callers: int, seconds: float) -> float:
    """Call from that many threads for that long; calls per second."""
    until_s = time.perf_counter() + seconds
    counts = [0] * callers

    def call(nr: int) -> None:
        while time.perf_counter() < until_s:
            act()
            counts[nr] += 1

    threads = [threading.Thread(target=call, args=(nr,)) for nr in range(callers)]
    started_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started_s)


def _by_tasks(dsn: str, *, callers: int, seconds: float) -> float:
    """Append from that many tasks of one loop; appends per second."""

    async def run() -> float:
        log = await Log.open_async(dsn)
        await log.append_async([_event()])  # connects
        until_s = time.perf_counter() + seconds
        count = 0

        async def call() -> None:
            nonlocal count
            while time.perf_counter() < until_s:
                await log.append_async([_event()])
                count += 1

        started_s = time.perf_counter()
        await asyncio.gather(*(call() for _ in range(callers)))
        taken_s = time.perf_counter() - started_s
        await log.close_async()
        return count / taken_s

    return uvloop.run(run())
