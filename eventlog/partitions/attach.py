"""Attach a detached partition of the log again, once its rows are proved to be the same."""

from typing import Final

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from eventlog.database.connect import connect
from eventlog.database.detached_events import digest, kept_table_of, table_of
from eventlog.errors import LogUnavailable, PartitionError
from eventlog.gaps import Range
from eventlog.partitions.swap import add_range_check, alone, swap

Connection = psycopg.Connection[TupleRow]

_DETACHED: Final = (
    "SELECT last_position, sha256 FROM eventlog.detached_partitions WHERE first_position = %s"
)
_COUNTED: Final = SQL("SELECT count(*), min(position), max(position) FROM {}")
# What a partition has besides rows, how to see that it does, and how to add it. ATTACH would build
# indexes as well, but while others wait.
_PARTS: Final = (
    (
        "SELECT FROM pg_constraint WHERE conrelid = to_regclass(%s) AND contype = 'p'",
        SQL("ALTER TABLE {} ADD PRIMARY KEY (position)"),
    ),
    (
        """SELECT FROM pg_constraint WHERE conrelid = to_regclass(%s) AND contype = 'u'
        AND pg_get_constraintdef(oid) = 'UNIQUE (originator_id, originator_version)'""",
        SQL("ALTER TABLE {} ADD UNIQUE (originator_id, originator_version)"),
    ),
    (
        "SELECT FROM pg_index WHERE indrelid = to_regclass(%s) AND indpred IS NOT NULL",
        SQL("CREATE INDEX ON {} (position) WHERE topic = 'follower.event_skipped'"),
    ),
    (
        """SELECT FROM pg_trigger WHERE tgrelid = to_regclass(%s)
        AND tgname = 'events_are_append_only'""",
        SQL(
            "CREATE TRIGGER events_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {}"
            " FOR EACH STATEMENT EXECUTE FUNCTION eventlog.refuse_change()"
        ),
    ),
)


def attach(dsn: str, first: int) -> Range:
    """Attach the detached partition that begins at position `first`; return its positions.

    Its table must have the number, the positions and the bytes of the rows that were detached.
    Appends and reads go on. Raises PartitionError, LogUnavailable.
    """
    try:
        with connect(dsn, application_name="billhook attach") as connection, alone(connection):
            partition, sha256 = _find(connection, first)
            with connection.transaction():
                _lock(connection, first)
                _refuse_other_rows(connection, partition, sha256)
                _prepare(connection, partition)
                _attach(connection, partition)
            return partition
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise LogUnavailable(type(error).__name__) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise PartitionError("only the owner of the tables can attach a partition") from error
    except (psycopg.ProgrammingError, psycopg.DataError) as error:
        raise PartitionError(f"the table is not the one that was detached: {error}") from error


def _find(connection: Connection, first: int) -> tuple[Range, bytes]:
    row = connection.execute(_DETACHED, [first]).fetchone()
    if row is None:
        known = connection.execute("SELECT first_position FROM eventlog.detached_partitions")
        others = ", ".join(str(number) for (number,) in known) or "none"
        raise PartitionError(f"no partition from {first} on is detached; detached: {others}")
    last, sha256 = row
    return Range(first, last), sha256


def _lock(connection: Connection, first: int) -> None:
    """Keep the table from being changed until it is attached."""
    name = f"eventlog.events_from_{first}"
    found = connection.execute("SELECT to_regclass(%s)", [name]).fetchone()
    if found is None or found[0] is None:
        raise PartitionError(f"there is no table {name}: restore it first")
    connection.execute(SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(table_of(first)))


def _refuse_other_rows(connection: Connection, partition: Range, sha256: bytes) -> None:
    table = table_of(partition.first)
    row = connection.execute(_COUNTED.format(table)).fetchone()
    expected = (partition.last - partition.first + 1, *partition)
    if row != expected:
        count, first, last = row or (0, None, None)
        raise PartitionError(
            f"the table has {count} events at positions {first} to {last};"
            f" {expected[0]} at {partition.first} to {partition.last} were detached"
        )
    if digest(connection, table) != sha256:
        raise PartitionError("the table's events are not those that were detached")


def _prepare(connection: Connection, partition: Range) -> None:
    """Add what a restored copy may lack."""
    table, name = table_of(partition.first), f"eventlog.events_from_{partition.first}"
    for exists, add in _PARTS:
        if connection.execute(exists, [name]).fetchone() is None:
            connection.execute(add.format(table))
    add_range_check(connection, table, partition)


def _attach(connection: Connection, partition: Range) -> None:
    kept: Identifier = kept_table_of(partition.first)

    def forget() -> None:
        connection.execute(SQL("DROP TABLE {}").format(kept))
        connection.execute(
            "DELETE FROM eventlog.detached_partitions WHERE first_position = %s",
            [partition.first],
        )

    swap(connection, partition, out=kept, into=table_of(partition.first), after=forget)
