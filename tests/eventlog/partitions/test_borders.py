"""Reads and appends across the borders of partitions are those of one table."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.local.process import wait_until
from eventlog.database.verify_chain import verify
from eventlog.errors import Conflict
from eventlog.log import Log
from eventlog.partitions.layout import add_partition_ahead, set_partition_size
from eventlog.partitions.listing import partitions
from eventlog.reading import RecordedEvent
from tests.eventlog.stored_events import stored

_STREAMS = [UUID(int=number) for number in range(1, 5)]
_Row = tuple[int, UUID, int]
_Bounds = tuple[int, int | None, int | None]

appends = st.lists(st.tuples(st.sampled_from(_STREAMS), st.integers(1, 5)), max_size=4)
bounds = st.tuples(
    st.integers(0, 20), st.none() | st.integers(0, 40), st.none() | st.integers(1, 9)
)


@pytest.fixture
def small(database: str) -> Iterator[Log]:
    """Open a log with three events in each partition."""
    set_partition_size(database, 3)
    with closing(Log.open(database)) as log:
        yield log


def rows(events: Sequence[RecordedEvent]) -> list[_Row]:
    return [(one.position, UUID(str(one.originator_id)), one.originator_version) for one in events]


class OneTable:
    """Every row that a log has, in one list: a model of what its reads return."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.rows: list[_Row] = []

    def of(self, stream: UUID) -> list[_Row]:
        return [row for row in self.rows if row[1] == stream]

    def append(self, stream: UUID, count: int) -> None:
        last = len(self.of(stream))
        for version in {last, last + 2}:
            with pytest.raises(Conflict, match=f"stands at version {last},"):
                self.log.append([stored(stream, version)])
        positions = self.log.append([stored(stream, last + 1 + more) for more in range(count)])
        self.rows.extend(
            (position, stream, last + nr) for nr, position in enumerate(positions, start=1)
        )

    def check_part_of_stream(self, stream: UUID, bounds: _Bounds, *, newest_first: bool) -> None:
        after, up_to, limit = bounds
        found = self.log.stream(
            stream, after_version=after, up_to_version=up_to, newest_first=newest_first, limit=limit
        )
        expected = [
            row for row in self.of(stream) if row[2] > after and (up_to is None or row[2] <= up_to)
        ]
        assert rows(found) == expected[:: -1 if newest_first else 1][:limit]

    def check_range(self, bounds: _Bounds) -> None:
        after, up_to, limit = bounds
        found = self.log.read(after, limit or 99, up_to_position=up_to or None)
        expected = [row for row in self.rows if row[0] > after and (not up_to or row[0] <= up_to)]
        assert rows(found) == expected[: limit or 99]

    def check_whole_streams(self) -> None:
        found = self.log.streams(_STREAMS)
        whole = {stream: self.of(stream) for stream in _STREAMS}
        assert {stream: rows(events) for stream, events in found.items()} == whole
        assert self.log.existing(_STREAMS) == {stream for stream, of in whole.items() if of}
        assert self.log.head() == len(self.rows)


@pytest.mark.extended
def test_reads_are_those_of_one_table(small: Log) -> None:
    table = OneTable(small)

    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        added=appends, stream=st.sampled_from(_STREAMS), bounds=bounds, newest_first=st.booleans()
    )
    def check(
        *, added: list[tuple[UUID, int]], stream: UUID, bounds: _Bounds, newest_first: bool
    ) -> None:
        for one in added:
            table.append(*one)
        table.check_part_of_stream(stream, bounds, newest_first=newest_first)
        table.check_range(bounds)
        table.check_whole_streams()

    check()
    assert verify(small.dsn).is_sound


def test_partitions_are_added_under_concurrent_appends(small: Log) -> None:
    def append(_: int) -> list[int]:
        return [small.append([stored(), stored()])[-1] for _ in range(8)]

    with closing(Log.open(small.dsn)) as second, ThreadPoolExecutor(4) as threads:
        ahead = threads.map(lambda _: add_partition_ahead(small.dsn), range(20))
        other = threads.submit(lambda: [second.append([stored()]) for _ in range(8)])
        found = [*threads.map(append, range(2))]
        assert len(set(chain(*found, *other.result()))) == 2 * 8 + 8
        assert all(added in (0, 1) for added in ahead)

    assert [row[0] for row in rows(small.read(0, 99))] == list(range(1, 41))
    with psycopg.connect(small.dsn) as connection:
        firsts = [one.first for one in partitions(connection)]
    assert firsts in (list(range(1, 43, 3)), list(range(1, 46, 3)))


def test_a_partition_that_another_session_adds_meanwhile_is_not_added_again(small: Log) -> None:
    small.append([stored(), stored(), stored()])
    ahead = "SELECT eventlog.add_partition_ahead()"
    with (
        psycopg.connect(small.dsn) as first,
        psycopg.connect(small.dsn, autocommit=True) as second,
        psycopg.connect(small.dsn, autocommit=True) as observer,
        ThreadPoolExecutor(1) as thread,
    ):
        second.execute("SELECT eventlog.add_partition(1)")
        first.execute(ahead)
        waiting = thread.submit(second.execute, ahead)
        query = "SELECT FROM pg_locks WHERE pid = %s AND NOT granted"
        pid = second.info.backend_pid
        assert wait_until(
            lambda: observer.execute(query, [pid]).fetchone() is not None, timeout_s=60
        )
        first.commit()
        waiting.result()
    with psycopg.connect(small.dsn) as connection:
        assert [one.first for one in partitions(connection)] == [1, 4]
