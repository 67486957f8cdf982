"""Size and number of the log's partitions."""

from typing import Final

import psycopg

from eventlog.database.connect import connect
from eventlog.errors import LogUnavailable, MigrationError

_APPLICATION: Final = "billhook partitions"
# That of eventlog.append: no event is recorded meanwhile.
_LOCK_APPENDS: Final = "SELECT pg_advisory_xact_lock(x'6576656e746c6f67'::bigint)"


def set_partition_size(dsn: str, events: int) -> None:
    """Set how many events each partition has, before there is any event.

    Raises MigrationError if there are events and partitions of another size; LogUnavailable.
    """
    try:
        with connect(dsn, application_name=_APPLICATION) as connection, connection.transaction():
            connection.execute(_LOCK_APPENDS)
            row = connection.execute("SELECT size FROM eventlog.partitioning").fetchone()
            size = 0 if row is None else row[0]
            if size == events:
                return
            if connection.execute("SELECT FROM eventlog.events LIMIT 1").fetchone() is not None:
                raise MigrationError(
                    f"the log has events, in partitions of {size}: their size cannot be changed"
                )
            connection.execute("DROP TABLE eventlog.events_from_1")
            connection.execute(
                "UPDATE eventlog.partitioning SET size = %(events)s, open_last = %(events)s",
                {"events": events},
            )
            connection.execute("SELECT eventlog.add_partition(1)")
    except psycopg.OperationalError as error:
        raise LogUnavailable("no connection") from error


def add_partition_ahead(dsn: str) -> int:
    """Add the next partition if the open one is half full; return how many were added."""
    try:
        with connect(dsn, application_name=_APPLICATION) as connection:
            row = connection.execute("SELECT eventlog.add_partition_ahead()").fetchone()
            return 0 if row is None else int(row[0])
    except psycopg.OperationalError as error:
        raise LogUnavailable("no connection") from error
