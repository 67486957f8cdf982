"""Fill a projection anew beside the one that answers, and change over without a gap."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg
import structlog
from psycopg.rows import TupleRow

from eventlog.database.connect import connect
from eventlog.gaps import refuse_detached
from projections.engine import fill
from projections.engine.errors import RebuildRunning
from projections.generations.cutover import Cutover, Report
from projections.generations.indexing import index_tables
from projections.registry import Projection, find

Connection = psycopg.Connection[TupleRow]

_log = structlog.get_logger("billhook.projections")

KEEP_OLD_FOR_S: Final = 600.0


@dataclass(frozen=True)
class Rebuilt:
    """Result of a rebuild: `filling_s` of its `seconds` passed until the indexes were built."""

    projection: str
    generation: int
    events: int
    seconds: float
    filling_s: float
    differing: int


def rebuild(
    dsn: str,
    name: str,
    *,
    keep_old_for_s: float = KEEP_OLD_FOR_S,
    accept_changes: bool = False,
    processes: int | None = None,
    report: Report = lambda _phase, _share: None,
) -> Rebuilt:
    """Fill the next generation, let it catch up, compare it, let the views point to it.

    Readers and followers go on meanwhile. The old one is followed for `keep_old_for_s` more by
    the projections' process, then dropped. `accept_changes`: a new generation that says something
    else is what is wanted, because the fold was changed or the old rows are wrong. `processes`
    fill the tables; None: as many as the events and the cores are worth.
    Blocks; not for a thread with a running loop.
    Raises UnknownProjection, RebuildRunning, GenerationsDiffer, RebuildError, EventsDetached; then
    nothing changed.
    """
    projection = find(name)
    started_s = time.monotonic()
    with _alone(dsn, name) as connection, _new_generation(connection, name) as number:
        filling = _Filling(dsn, projection, number, processes=processes, report=report)
        events = filling.run(connection)
        filling_s = time.monotonic() - started_s
        taking_over = Cutover(dsn, projection, number, accept_changes=accept_changes, report=report)
        differing = asyncio.run(taking_over.run(keep_old_for_s=keep_old_for_s))
    return Rebuilt(name, number, events, time.monotonic() - started_s, filling_s, differing)


@contextmanager
def _alone(dsn: str, name: str) -> Iterator[Connection]:
    """Hold the one rebuild's lock for as long as the session lives. Raises RebuildRunning."""
    with connect(dsn, application_name=f"billhook rebuild {name}") as connection:
        row = connection.execute(
            "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [f"billhook rebuild {name}"]
        ).fetchone()
        if row is None or not row[0]:
            raise RebuildRunning(name)
        yield connection


@contextmanager
def _new_generation(connection: Connection, name: str) -> Iterator[int]:
    """Make the next generation, and drop it if it is not taken into service."""
    _drop_unfinished(connection, name)  # of a rebuild that was killed
    row = connection.execute("SELECT read.new_generation(%s)", [name]).fetchone()
    number = 0 if row is None else int(row[0])
    try:
        yield number
    except BaseException:
        _drop_unfinished(connection, name)
        raise


def _drop_unfinished(connection: Connection, name: str) -> None:
    connection.execute(
        "SELECT read.drop_generation(projection, number) FROM read.generations"
        " WHERE projection = %s AND state IN ('building', 'following')",
        [name],
    )


class _Filling:
    """The first part of a rebuild: fill the tables, index them, let them be followed from there."""

    def __init__(
        self,
        dsn: str,
        projection: Projection,
        number: int,
        *,
        processes: int | None,
        report: Report,
    ) -> None:
        self._dsn = dsn
        self._projection = projection
        self._number = number
        self._processes = processes
        self._report = report

    def run(self, connection: Connection) -> int:
        """Do it; return how many events of the projection there are."""
        name = self._projection.name
        head, events = _count(connection, self._projection.topics)
        # After the count, which waits while a partition is exchanged: from then on it is refused.
        refuse_detached(connection)
        if self._projection.fill is None:
            head = 0  # few events: following them from the first is quick enough
        else:
            self._fill(self._projection.fill, head, events=events)
        self._report("indexing", 0)
        if self._projection.fill is None:
            connection.execute("SELECT read.index_generation(%s, %s)", [name, self._number])
        else:
            sessions = self._processes_for(events)
            index_tables(self._dsn, self._projection, self._number, sessions=sessions)
        with connection.transaction():
            self._begin_to_follow(connection, head)
        _log.info("filled", generation=f"{name}_g{self._number}", events=events)
        return events

    def _fill(self, fill_part: fill.Fill, head: int, *, events: int) -> None:
        schema = f"read_{self._projection.name}_g{self._number}"
        number = self._processes_for(events)
        folded = 0

        def on_events(more: int) -> None:
            nonlocal folded
            folded += more
            self._report("filling", folded / max(events, 1))

        fill.run(fill_part, fill.parts(self._dsn, schema, head, number=number), on_events)

    def _processes_for(self, events: int) -> int:
        return self._processes or fill.processes_for(events)

    def _begin_to_follow(self, connection: Connection, head: int) -> None:
        values = [self._projection.name, self._number]
        connection.execute(
            "INSERT INTO eventlog.followers SELECT follower, %s, clock_timestamp()"
            " FROM read.generations WHERE projection = %s AND number = %s",
            [head, *values],
        )
        connection.execute(
            "UPDATE read.generations SET state = 'following' WHERE projection = %s AND number = %s",
            values,
        )


def _count(connection: Connection, topics: tuple[str, ...]) -> tuple[int, int]:
    """Return the log's head, and how many events of these topics there are up to it."""
    row = connection.execute(
        "SELECT coalesce(max(position), 0), count(*) FILTER (WHERE topic = ANY(%s))"
        " FROM eventlog.events",
        [list(topics)],
    ).fetchone()
    return (0, 0) if row is None else (row[0], row[1])
