"""Partitions of the log: added ahead, detached, attached, while it is written and read."""

import asyncio
from collections.abc import Iterator, Sequence
from uuid import UUID, uuid4

import psycopg
import pytest

from eventlog.database.verify_chain import verify
from eventlog.errors import (
    Conflict,
    EventsDetached,
    HistoryDetached,
    MigrationError,
    PartitionError,
)
from eventlog.follow.follower import Follower
from eventlog.follow.handler import Cursor
from eventlog.log import Log
from eventlog.partitions.attach import attach
from eventlog.partitions.detach import detach
from eventlog.partitions.layout import add_partition_ahead, set_partition_size
from eventlog.partitions.listing import Partition, State, partitions
from eventlog.reading import RecordedEvent
from tests.eventlog.stored_events import stored
from tests.support.wait_until import until

_SIZE = 10
_OLD, _LIVING, _KEPT = UUID(int=1), UUID(int=2), UUID(int=3)


@pytest.fixture
def database(database: str) -> str:
    set_partition_size(database, _SIZE)
    return database


@pytest.fixture
def filled(database: str) -> Iterator[Log]:
    """Open a log of three streams: positions 1 to 10, and 11 to 13 of `_LIVING`."""
    log = Log.open(database)
    for version in (1, 2, 3):
        log.append(
            [
                stored(_OLD, version, state=b"%d" % version),
                stored(_LIVING, version),
                stored(_KEPT, version, topic="Other"),
            ]
        )
    log.append([stored(_LIVING, version) for version in range(4, 8)])
    yield log
    log.close()


def listed(database: str) -> list[Partition]:
    with psycopg.connect(database) as connection:
        return partitions(connection)


def states(database: str) -> dict[int, State]:
    return {one.first: one.state for one in listed(database)}


def positions(events: Sequence[RecordedEvent]) -> list[int]:
    return [event.position for event in events]


def tamper(database: str, change: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(change.encode())


def test_a_partition_is_detached_and_attached_again(filled: Log, database: str) -> None:
    before = listed(database)
    history = filled.stream(_OLD)

    detach(database, 1, topics=["Happened"])

    found = listed(database)
    assert states(database) == {1: State.DETACHED, 11: State.OPEN}
    assert [one.events for one in found] == [10, 3]
    assert (found[0].first_hash, found[0].last_hash) == (before[0].first_hash, before[0].last_hash)
    assert positions(filled.stream(_LIVING)) == [2, 5, 8, 10, 11, 12, 13]
    assert positions(filled.stream(_KEPT)) == [3, 6, 9]
    assert positions(filled.stream(_OLD, newest_first=True, limit=1)) == [7]
    assert filled.existing([_OLD, uuid4()]) == {_OLD}
    assert verify(database).is_sound

    attach(database, 1)

    assert listed(database) == before
    assert filled.stream(_OLD) == history
    assert positions(filled.read(0, 100)) == list(range(1, 14))
    assert verify(database).detached == ()


def test_a_stream_goes_on_while_its_history_is_detached(filled: Log, database: str) -> None:
    detach(database, 1, topics=["Happened"])

    for version in (1, 3, 5):
        with pytest.raises(Conflict, match="stands at version 3"):
            filled.append([stored(_OLD, version)])
    filled.append([stored(_OLD, 4)])

    report = verify(database)
    assert report.is_sound
    assert report.detached == ((1, 10),)
    attach(database, 1)
    assert [event.originator_version for event in filled.stream(_OLD)] == [1, 2, 3, 4]
    assert verify(database).is_sound


def test_reads_that_miss_events_name_the_partition(filled: Log, database: str) -> None:
    detach(database, 1, topics=["Happened"])
    filled.append([stored(_OLD, 4)])

    reads = (
        lambda: filled.stream(_OLD),
        lambda: filled.stream(_OLD, limit=1),
        lambda: filled.stream(_OLD, after_version=1),
        lambda: filled.stream(_OLD, up_to_version=2),
        lambda: filled.stream(_OLD, newest_first=True),
        lambda: filled.stream(_OLD, newest_first=True, limit=3),
        lambda: filled.stream(_OLD, newest_first=True, up_to_version=2, limit=1),
        lambda: filled.streams([_KEPT, _OLD]),
    )
    for read in reads:
        with pytest.raises(HistoryDetached, match=r"positions 1 to 10.*billhook log attach 1"):
            read()
    for after in (0, 9):
        with pytest.raises(EventsDetached):
            filled.read(after, 100)

    assert positions(filled.stream(_OLD, after_version=2)) == [7, 14]
    assert positions(filled.stream(_OLD, newest_first=True, limit=2)) == [14, 7]
    assert filled.stream(_OLD, after_version=4) == []
    assert positions(filled.read(10, 100)) == [11, 12, 13, 14]


@pytest.mark.usefixtures("filled")
def test_a_partition_that_is_needed_is_not_detached(database: str) -> None:
    with pytest.raises(PartitionError, match="not full yet"):
        detach(database, 11, topics=[])
    with pytest.raises(PartitionError, match=r"no partition begins at position 2; .* 1, 11"):
        detach(database, 2, topics=[])
    with pytest.raises(PartitionError, match="needed: a reason"):
        detach(database, 1, topics=[], uses=lambda _connection, _range: ["a reason"])
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO eventlog.followers VALUES ('slow', 9, now())")
    with pytest.raises(PartitionError, match="follower slow is at position 9"):
        detach(database, 1, topics=[])
    tamper(database, "DELETE FROM eventlog.followers")
    tamper(database, "UPDATE eventlog.events SET state = 'x' WHERE position = 4")
    with pytest.raises(PartitionError, match="broken at position 4"):
        detach(database, 1, topics=[])
    with pytest.raises(PartitionError, match="no partition from 1 on is detached"):
        attach(database, 1)
    assert states(database)[1] is State.ATTACHED


def test_a_stream_in_use_keeps_its_history(filled: Log, database: str) -> None:
    detach(database, 1, topics=["Happened"], in_use=lambda _connection: [_OLD, uuid4()])
    assert positions(filled.stream(_OLD)) == [1, 4, 7]
    with pytest.raises(PartitionError, match="detached already"):
        detach(database, 1, topics=["Happened"])


@pytest.mark.usefixtures("filled")
def test_another_table_is_not_attached(database: str) -> None:
    detach(database, 1, topics=["Happened"])
    changes = {
        "ALTER TABLE {} RENAME topic TO kind": "not the one that was detached",
        "ALTER TABLE {} RENAME kind TO topic": None,
        "UPDATE {} SET state = 'x' WHERE position = 1": "not those that were detached",
        "DELETE FROM {} WHERE position = 10": "9 events at positions 1 to 9; 10 at 1 to 10",
        "DROP TABLE {}": "there is no table eventlog.events_from_1: restore it",
    }
    for change, message in changes.items():
        tamper(database, change.format("eventlog.events_from_1"))
        if message is None:
            continue
        with pytest.raises(PartitionError, match=message):
            attach(database, 1)
    assert states(database)[1] is State.DETACHED


def test_a_copy_that_was_restored_is_attached(filled: Log, database: str) -> None:
    detach(database, 1, topics=["Happened"])
    with psycopg.connect(database) as connection:
        connection.execute(
            "CREATE TABLE eventlog.copied (LIKE eventlog.events_from_1 INCLUDING CONSTRAINTS)"
        )
        connection.execute("INSERT INTO eventlog.copied SELECT * FROM eventlog.events_from_1")
        connection.execute("DROP TABLE eventlog.events_from_1")
    assert listed(database)[0].size_bytes is None
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE eventlog.copied RENAME TO events_from_1")

    attach(database, 1)

    assert positions(filled.stream(_OLD)) == [1, 4, 7]
    with (
        psycopg.connect(database) as connection,
        pytest.raises(psycopg.errors.RestrictViolation),
    ):
        connection.execute("DELETE FROM eventlog.events_from_1")


@pytest.mark.usefixtures("filled")
def test_changes_to_kept_events_are_found(database: str) -> None:
    detach(database, 1, topics=["Happened"])
    tamper(database, "UPDATE eventlog.events_from_1_kept SET state = 'x' WHERE position = 7")
    report = verify(database)
    assert not report.is_sound
    assert (report.altered, report.first_broken) == (((1, 10),), 1)


def test_a_follower_that_is_behind_stops_until_the_partition_is_attached(
    filled: Log, database: str
) -> None:
    handled: list[int] = []

    async def handle(_: Cursor, events: Sequence[RecordedEvent]) -> None:
        handled.extend(positions(events))

    async def scenario() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(Follower(database, "new", handle).run(stop))
        await until(lambda: any(state.is_failing for state in filled.follower_states()))
        (state,) = filled.follower_states()
        assert (state.failed_position, handled) == (1, [])
        assert "billhook log attach 1" in str(state.error)
        await asyncio.to_thread(attach, database, 1)
        await until(lambda: handled == list(range(1, 14)))
        assert not any(state.is_failing for state in filled.follower_states())
        stop.set()
        await running

    detach(database, 1, topics=["Happened"])
    asyncio.run(scenario())


def test_partitions_are_added_ahead_and_by_appends(database: str) -> None:
    log = Log.open(database)
    log.append([stored() for _ in range(4)])
    assert add_partition_ahead(database) == 0
    log.append([stored()])
    assert [add_partition_ahead(database) for _ in range(2)] == [1, 0]
    assert states(database) == {1: State.OPEN, 11: State.AHEAD}

    assert len(log.append([stored() for _ in range(30)])) == 30

    assert states(database) == {1: "attached", 11: "attached", 21: "attached", 31: "open"}
    assert positions(log.read(0, 100)) == list(range(1, 36))
    log.close()
    with pytest.raises(MigrationError, match="partitions of 10"):
        set_partition_size(database, 20)
    set_partition_size(database, _SIZE)
