"""Detach an old partition of the log, so that an operator can move its table."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL

from eventlog.database.connect import connect
from eventlog.database.detached_events import digest, kept_table_of, table_of
from eventlog.database.verify_chain import verify
from eventlog.errors import LogUnavailable, PartitionError
from eventlog.gaps import Range
from eventlog.partitions.listing import Partition, State, partitions
from eventlog.partitions.swap import add_range_check, alone, swap

Connection = psycopg.Connection[TupleRow]
Uses = Callable[[Connection, Range], Sequence[str]]
"""Returns why the events of a range are still needed; empty if they are not."""
InUse = Callable[[Connection], Iterable[UUID]]
"""Returns streams whose events are needed, however old they are."""

_ROUNDS: Final = 3
_FOLLOWERS: Final = (
    "SELECT name, position FROM eventlog.followers WHERE position < %s ORDER BY name LIMIT 3"
)
# The streams that are kept whole: of other topics, in use, or with newer events.
_OF_OTHER_TOPICS: Final = SQL(
    "INSERT INTO kept_streams SELECT DISTINCT originator_id FROM {} WHERE topic <> ALL(%s)"
    " ON CONFLICT DO NOTHING"
)
_THAT_GO_ON: Final = (
    "INSERT INTO kept_streams SELECT DISTINCT originator_id FROM eventlog.events"
    " WHERE position > %s ON CONFLICT DO NOTHING"
)
_KEEP_WHOLE: Final = SQL(
    "INSERT INTO {} SELECT event.* FROM {} AS event"
    " JOIN kept_streams ON id = event.originator_id ON CONFLICT DO NOTHING"
)
# The same of few streams, by the partition's index, whatever the planner knows of their number.
_KEEP_FEW_WHOLE: Final = SQL(
    "INSERT INTO {} SELECT event.* FROM kept_streams CROSS JOIN LATERAL"
    " (SELECT * FROM {} WHERE originator_id = id OFFSET 0) AS event ON CONFLICT DO NOTHING"
)
_KEEP_NEWEST: Final = SQL(
    "INSERT INTO {} SELECT DISTINCT ON (originator_id) * FROM {}"
    " ORDER BY originator_id, originator_version DESC ON CONFLICT DO NOTHING"
)
_RECORD: Final = SQL(
    "INSERT INTO eventlog.detached_partitions (first_position, last_position, first_hash,"
    " last_hash, sha256, detached_at) SELECT %(first)s, %(last)s,"
    " (SELECT hash FROM {table} WHERE position = %(first)s),"
    " (SELECT hash FROM {table} WHERE position = %(last)s), %(sha256)s, clock_timestamp()"
)


def detach(
    dsn: str,
    first: int,
    *,
    topics: Collection[str],
    uses: Uses = lambda _connection, _range: (),
    in_use: InUse = lambda _connection: (),
) -> Range:
    """Detach the partition that begins at position `first`; return its positions.

    In its place remain the newest event of each stream, and all events of the streams that have
    newer ones, that are of other topics than `topics`, or `in_use`. The chains of its events are
    verified first. A call that was interrupted is simply repeated. Appends and reads go on.
    Raises PartitionError, LogUnavailable.
    """
    try:
        with connect(dsn, application_name="billhook detach") as connection, alone(connection):
            partition = _find(connection, first)
            if partition.state is not State.DETACHED:
                _refuse_if_needed(connection, _range(partition), uses)
                _verify(dsn, _range(partition))
                _detach(connection, _range(partition), topics=topics, in_use=in_use, uses=uses)
            _record_kept(connection, first)
            return _range(partition)
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise LogUnavailable(type(error).__name__) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise PartitionError("only the owner of the tables can detach a partition") from error


def _range(partition: Partition) -> Range:
    return Range(partition.first, partition.last)


def _find(connection: Connection, first: int) -> Partition:
    known = partitions(connection)
    found = next((one for one in known if one.first == first), None)
    if found is None:
        others = ", ".join(str(one.first) for one in known)
        raise PartitionError(f"no partition begins at position {first}; they begin at {others}")
    if found.state in {State.OPEN, State.AHEAD}:
        raise PartitionError(f"the partition from {first} on is not full yet")
    if found.state is State.DETACHED and not _is_interrupted(connection, first):
        raise PartitionError(f"the partition from {first} on is detached already")
    return found


def _is_interrupted(connection: Connection, first: int) -> bool:
    row = connection.execute(
        "SELECT kept_sha256 IS NULL FROM eventlog.detached_partitions WHERE first_position = %s",
        [first],
    ).fetchone()
    return row is not None and bool(row[0])


def _refuse_if_needed(connection: Connection, partition: Range, uses: Uses) -> None:
    behind = connection.execute(_FOLLOWERS, [partition.last]).fetchall()
    reasons = [f"follower {name} is at position {position}" for name, position in behind]
    reasons += uses(connection, partition)
    if reasons:
        raise PartitionError(
            f"events {partition.first} to {partition.last} are needed: {'; '.join(reasons)}"
        )


def _verify(dsn: str, partition: Range) -> None:
    report = verify(dsn, start=partition.first, end=partition.last)
    if not report.is_sound:
        raise PartitionError(
            f"the hash chain is broken at position {report.first_broken}: billhook log verify"
        )


def _detach(
    connection: Connection, partition: Range, *, topics: Collection[str], in_use: InUse, uses: Uses
) -> None:
    table, kept = table_of(partition.first), kept_table_of(partition.first)
    connection.execute(SQL("DROP TABLE IF EXISTS {}").format(kept))  # of an interrupted call
    connection.execute("SELECT eventlog.make_partition_table(%s, '_kept')", [partition.first])
    connection.execute("CREATE TEMPORARY TABLE kept_streams (id uuid PRIMARY KEY)")
    _keep_in_use(connection, in_use)
    connection.execute(_OF_OTHER_TOPICS.format(table), [list(topics)])
    seen = _keep_whole(connection, partition, _KEEP_WHOLE, after=partition.last)
    connection.execute(_KEEP_NEWEST.format(kept, table))
    sha256 = digest(connection, table)
    add_range_check(connection, kept, partition)
    # Of what came meanwhile, each time less, so that little is left to do under the lock.
    for _ in range(_ROUNDS):
        seen = _keep_whole(connection, partition, _KEEP_FEW_WHOLE, after=seen)

    def last_checks() -> None:
        connection.execute("LOCK TABLE eventlog.followers IN SHARE MODE")
        _refuse_if_needed(connection, partition, uses)
        _keep_whole(connection, partition, _KEEP_FEW_WHOLE, after=seen)

    def record() -> None:
        values = {"first": partition.first, "last": partition.last, "sha256": sha256}
        connection.execute(_RECORD.format(table=table), values)

    swap(connection, partition, out=table, into=kept, before=last_checks, after=record)


def _keep_in_use(connection: Connection, in_use: InUse) -> None:
    streams = list(in_use(connection))
    if streams:
        connection.execute("INSERT INTO kept_streams SELECT DISTINCT unnest(%s::uuid[])", [streams])


def _keep_whole(connection: Connection, partition: Range, query: SQL, *, after: int) -> int:
    """Keep the streams listed and those with events after a position; return the head."""
    head = _head(connection)
    connection.execute(_THAT_GO_ON, [after])
    table, kept = table_of(partition.first), kept_table_of(partition.first)
    connection.execute(query.format(kept, table))
    connection.execute("TRUNCATE kept_streams")
    return head


def _head(connection: Connection) -> int:
    row = connection.execute("SELECT coalesce(max(position), 0) FROM eventlog.events").fetchone()
    return 0 if row is None else int(row[0])


def _record_kept(connection: Connection, first: int) -> None:
    kept = kept_table_of(first)
    connection.execute(SQL("ANALYZE {}").format(kept))
    connection.execute(
        "UPDATE eventlog.detached_partitions SET kept_sha256 = %s WHERE first_position = %s",
        [digest(connection, kept), first],
    )
