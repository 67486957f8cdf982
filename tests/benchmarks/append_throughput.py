"""Appends per second at 1, 8 and 32 callers, beside eventsourcing's own recorder.

    python -m tests.benchmarks.append_throughput [seconds per figure]

On a PostgreSQL of its own that really syncs to disk, so that a commit costs what it costs.
"""

import asyncio
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import uvloop
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import StoredEvent
from psycopg.conninfo import conninfo_to_dict

import eventlog
from eventlog.log import Log
from eventlog.migrate import migrate
from eventlog.persistence import register
from service.embedded.postgres import EmbeddedPostgres

_CALLERS = (1, 8, 32)
_ROUNDS = 3
_STATE = b'{"name":"' + b"x" * 400 + b'"}'


class Invoice(Aggregate):
    """Something of the size of a small event."""

    def __init__(self, name: str) -> None:
        self.name = name


def by_threads(act: Callable[[], object], *, callers: int, seconds: float) -> float:
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


def by_tasks(dsn: str, *, callers: int, seconds: float) -> float:
    """Append from that many tasks of one loop; appends per second."""

    async def run() -> float:
        log = await Log.open_async(dsn)
        until_s = time.perf_counter() + seconds
        count = 0

        async def call() -> None:
            nonlocal count
            while time.perf_counter() < until_s:
                await log.append_async([StoredEvent(uuid4(), 1, "Happened", _STATE)])
                count += 1

        started_s = time.perf_counter()
        await asyncio.gather(*(call() for _ in range(callers)))
        taken_s = time.perf_counter() - started_s
        await log.close_async()
        return count / taken_s

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def saving(app: Application[UUID]) -> Callable[[], object]:
    """Save a new aggregate."""
    return lambda: app.save(Invoice(name="x" * 400))


def show(name: str, measure: Callable[[int], float]) -> None:
    """Print the medians of a way to append, by number of callers."""
    figures = [statistics.median(measure(callers) for _ in range(_ROUNDS)) for callers in _CALLERS]
    print(f"{name:44}" + "".join(f"{figure:>9,.0f}" for figure in figures), flush=True)  # noqa: T201


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    with tempfile.TemporaryDirectory(prefix="billhook-bench-") as folder:
        server = EmbeddedPostgres(Path(folder))
        server.start()
        try:
            server.create_database("bench")
            compare(server.dsn("bench"), seconds=seconds)
        finally:
            server.remove()


def compare(dsn: str, *, seconds: float) -> None:
    """Measure each way on the same server."""
    migrate(dsn, eventlog.MIGRATIONS)
    print(f"{'appends per second, callers:':44}" + "".join(f"{n:>9}" for n in _CALLERS))  # noqa: T201
    theirs = Application[UUID](env=_environment_of_eventsourcing(dsn))
    show(
        "eventsourcing's recorder, save(), threads",
        lambda n: by_threads(saving(theirs), callers=n, seconds=seconds),
    )
    theirs.close()
    log = Log.open(dsn)
    register("bench", log)
    ours = Application[UUID](
        env={"PERSISTENCE_MODULE": "eventlog.persistence", "EVENTLOG_NAME": "bench"}
    )
    show(
        "the log's recorder, save(), threads",
        lambda n: by_threads(saving(ours), callers=n, seconds=seconds),
    )
    show(
        "the log, append(), threads",
        lambda n: by_threads(
            lambda: log.append([StoredEvent(uuid4(), 1, "Happened", _STATE)]),
            callers=n,
            seconds=seconds,
        ),
    )
    log.close()
    show(
        "the log, append_async(), tasks",
        lambda n: by_tasks(dsn, callers=n, seconds=seconds),
    )


def _environment_of_eventsourcing(dsn: str) -> dict[str, str]:
    given = conninfo_to_dict(dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(given["dbname"]),
        "POSTGRES_HOST": str(given["host"]),
        "POSTGRES_USER": str(given["user"]),
        "POSTGRES_PASSWORD": "",
        "POSTGRES_POOL_SIZE": "10",
        "POSTGRES_MAX_OVERFLOW": "30",
    }


if __name__ == "__main__":
    main()
