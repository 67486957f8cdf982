"""Index the tables of a filled generation in several sessions.

Tables that are made of others (`Derived`) are filled once those have their indexes, while the rest
are still being indexed: one session alone would take as long for them as for all indexes.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from eventlog.database.connect import connect
from projections.registry import Projection

Connection = psycopg.Connection[TupleRow]

_SORT_MEMORY_MB: Final = 256
_HASH_MEMORY_MB: Final = 32
"""Of a session, for equal terms and the bits of a block."""
_LARGE_TABLES: Final = 3
"""Tables of a projection that are worth a session each."""
_MOST_WORKERS: Final = 2


@dataclass(frozen=True)
class Task:
    """A step that one session takes, once those that it `needs` are done."""

    name: str
    run: Callable[[Connection], "Sequence[Task] | None"]
    """May return further tasks, which count as parts of this one."""
    needs: frozenset[str] = frozenset()


@dataclass
class Tasks:
    """Tasks of several sessions, in the order in which they are to be begun."""

    waiting: list[Task]
    _unfinished: dict[str, int] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _failed: bool = False

    def __post_init__(self) -> None:
        """Count the unfinished tasks of each name."""
        for task in self.waiting:
            self._unfinished[task.name] = self._unfinished.get(task.name, 0) + 1

    def run(self, connection: Connection) -> None:
        """Run tasks until none is left, or another session has failed."""
        while (task := self._next()) is not None:
            with self._ending(task) as parts:
                parts.extend(task.run(connection) or ())

    def _next(self) -> Task | None:
        with self._changed:
            while self.waiting and not self._failed:
                for task in self.waiting:
                    if self._unfinished.keys().isdisjoint(task.needs):
                        self.waiting.remove(task)
                        return task
                self._changed.wait()
        return None

    @contextmanager
    def _ending(self, task: Task) -> Iterator[list[Task]]:
        parts: list[Task] = []
        try:
            yield parts
        except BaseException:
            with self._changed:
                self._failed = True
                self._changed.notify_all()
            raise
        with self._changed:
            self.waiting[:0] = parts
            self._unfinished[task.name] += len(parts) - 1
            if not self._unfinished[task.name]:
                del self._unfinished[task.name]
            self._changed.notify_all()


def index_tables(dsn: str, projection: Projection, number: int, *, sessions: int) -> None:
    """Index and analyze each table of a generation."""
    tasks = Tasks([*_tasks(projection, number)])

    def index() -> None:
        with connect(dsn, application_name="billhook rebuild index") as session:
            # The rebuild's own session commits later, and waits for all that was written before.
            session.execute("SET synchronous_commit = off")
            session.execute(f"SET maintenance_work_mem = '{_SORT_MEMORY_MB // sessions}MB'")
            session.execute(f"SET work_mem = '{_HASH_MEMORY_MB}MB'")
            session.execute(f"SET max_parallel_maintenance_workers = {_workers(sessions)}")
            tasks.run(session)

    with ThreadPoolExecutor(sessions) as pool:
        for indexing in [pool.submit(index) for _ in range(sessions)]:
            indexing.result()


def _workers(sessions: int) -> int:
    """Return how many more processes may sort for an index: for cores that have no session.

    There are as many sessions as cores. Where each has one, to start workers takes longer than
    they save.
    """
    return min(_MOST_WORKERS, max(0, sessions - _LARGE_TABLES))


def _tasks(projection: Projection, number: int) -> Iterator[Task]:
    schema = f"read_{projection.name}_g{number}"
    derived = projection.derived

    def index(table: str) -> Callable[[Connection], Sequence[Task] | None]:
        def run(connection: Connection) -> Sequence[Task] | None:
            values = [projection.name, number, table]
            connection.execute("SELECT read.index_table(%s, %s, %s)", values)
            if derived is None or table != derived.tables[0]:
                return None
            return [Task(table, part) for part in derived.parts(connection, schema)]

        return run

    of, others = list[str](), [table.name for table in projection.tables]
    if derived is not None:
        of = [name for name in others if name in derived.of]
        first, *made = derived.tables
        yield from (Task(name, index(name)) for name in of)
        yield Task(first, index(first), frozenset(of))
        yield from (Task(name, index(name), frozenset({first})) for name in made)
    yield from (Task(name, index(name)) for name in others if name not in of)
