"""Exchange two tables in the place of one partition, between the transactions of others."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import errors
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from eventlog.errors import PartitionError
from eventlog.gaps import Range

Connection = psycopg.Connection[TupleRow]

# So long others wait behind us for the log, at most. Then they go first.
_LOCK_TIMEOUT: Final = "250ms"
_PAUSE_S: Final = 0.3
_GIVE_UP_AFTER_S: Final = 60.0
_RANGE_CHECK: Final = "partition_range"
# Held while one process detaches or attaches.
_LOCK: Final = 0x6465746163686564


@contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """Hold a lock on all partitions. Raises PartitionError if another process holds it."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    if row is None or not row[0]:
        raise PartitionError("another process detaches or attaches a partition")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def add_range_check(connection: Connection, table: Identifier, partition: Range) -> None:
    """Check that a table has only positions of the partition, so that ATTACH need not read it."""
    check = Identifier(_RANGE_CHECK)
    connection.execute(SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}").format(table, check))
    connection.execute(
        SQL("ALTER TABLE {} ADD CONSTRAINT {} CHECK (position >= {} AND position < {})").format(
            table, check, partition.first, partition.last + 1
        )
    )


def swap(
    connection: Connection,
    partition: Range,
    *,
    out: Identifier,
    into: Identifier,
    before: Callable[[], None] = lambda: None,
    after: Callable[[], None] = lambda: None,
) -> None:
    """Detach `out` and attach `into` in one transaction, with `before` and `after` in it.

    Readers and appends wait for a moment. Raises PartitionError if a lock is not free for a minute.
    """
    deadline_s = time.monotonic() + _GIVE_UP_AFTER_S
    while True:
        try:
            with connection.transaction():
                _swap(connection, partition, out=out, into=into, before=before)
                after()
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            if time.monotonic() > deadline_s:
                raise PartitionError("the log was busy for a minute: try again later") from None
            time.sleep(_PAUSE_S)
        else:
            return


def _swap(
    connection: Connection,
    partition: Range,
    *,
    out: Identifier,
    into: Identifier,
    before: Callable[[], None],
) -> None:
    connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'".encode())
    connection.execute("LOCK TABLE ONLY eventlog.events IN ACCESS EXCLUSIVE MODE")
    before()
    connection.execute(SQL("ALTER TABLE eventlog.events DETACH PARTITION {}").format(out))
    connection.execute(
        SQL("ALTER TABLE eventlog.events ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
            into, partition.first, partition.last + 1
        )
    )
    connection.execute(
        SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(into, Identifier(_RANGE_CHECK))
    )
