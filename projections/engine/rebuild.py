"""Filling a projection anew beside the one that answers, and changing over without a gap."""

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
from projections.engine.cutover import Cutover
from projections.engine.errors import RebuildRunning
from projections.registry import Projection, find

Connection = psycopg.Connection[TupleRow]

_log = structlog.get_logger("billhook.projections")

KEEP_OLD_FOR_S: Final = 600.0
_SORT_MEMORY: Final = "128MB"


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
) -> Rebuilt:
    """Fill the next generation, let it catch up, compare it, let the views point to it.

    Readers and followers go on meanwhile. The old one is followed for `keep_old_for_s` more by
    the projections' process, then dropped. `accept_changes`: a new generation that says something
    else is what is wanted, because the fold was changed or the old rows are wrong.
    Blocks; not for a thread with a running loop.
    Raises UnknownProjection, RebuildRunning, GenerationsDiffer, RebuildError; then nothing changed.
    """
    projection = find(name)
    started_s = time.monotonic()
    with _alone(dsn, name) as connection, _new_generation(connection, name) as number:
        events = _fill(dsn, connection, projection, number)
        filling_s = time.monotonic() - started_s
        taking_over = Cutover(dsn, projection, number, accept_changes=accept_changes)
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


def _fill(dsn: str, connection: Connection, projection: Projection, number: int) -> int:
    """Fill and index the tables, then let the generation be followed from there on."""
    name = projection.name
    head, events = _count(connection, projection.topics)
    if projection.fill is None:
        head = 0  # few events: following them from the first is quick enough
    else:
        projection.fill(dsn, f"read_{name}_g{number}", head)
    connection.execute(f"SET maintenance_work_mem = '{_SORT_MEMORY}'")
    connection.execute("SELECT read.index_generation(%s, %s)", [name, number])
    with connection.transaction():
        connection.execute(
            "INSERT INTO eventlog.followers SELECT follower, %s, clock_timestamp()"
            " FROM read.generations WHERE projection = %s AND number = %s",
            [head, name, number],
        )
        connection.execute(
            "UPDATE read.generations SET state = 'following' WHERE projection = %s AND number = %s",
            [name, number],
        )
    _log.info("filled", generation=f"{name}_g{number}", events=events)
    return events


def _count(connection: Connection, topics: tuple[str, ...]) -> tuple[int, int]:
    """Return the log's head, and how many events of these topics there are up to it."""
    row = connection.execute(
        "SELECT coalesce(max(position), 0), count(*) FILTER (WHERE topic = ANY(%s))"
        " FROM eventlog.events",
        [list(topics)],
    ).fetchone()
    return (0, 0) if row is None else (row[0], row[1])
