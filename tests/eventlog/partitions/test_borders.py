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

from eventlog.database.verify_chain import verify
from eventlog.errors import Conflict
from eventlog.log import Log
from eventlog.partitions.layout import add_partition_ahead, set_partition_size
from eventlog.partitions.listing import partitions
from eventlog.reading import RecordedEvent
from tests.eventlog.stored_events import stored

_STREAMS = [UUID(int=number) for number in range(1, 5)]
_Row = tuple[int, UUID, int]

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


@pytest.mark.extended
def test_reads_are_those_of_one_table(small: Log) -> None:
    recorded: list[_Row] = []

    def append(stream: UUID, count: int) -> None:
        last = sum(1 for row in recorded if row[1] == stream)
        for version in {last, last + 2}:
            with pytest.raises(Conflict, match=f"stands at version {last},"):
                small.append([stored(stream, version)])
        positions = small.append([stored(stream, last + 1 + more) for more in range(count)])
        recorded.extend(
            (position, stream, last + nr) for nr, position in enumerate(positions, start=1)
        )

    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        added=appends,
        stream=st.sampled_from(_STREAMS),
        bounds=bounds,
        step=st.sampled_from([1, -1]),
    )
    def check(
        added: list[tuple[UUID, int]],
        stream: UUID,
        bounds: tuple[int, int | None, int | None],
        step: int,
    ) -> None:
        for one in added:
            append(*one)
        after, up_to, limit = bounds
        of_stream = [
            row
            for row in recorded
            if row[1] == stream and row[2] > after and (up_to is None or row[2] <= up_to)
        ]
        read = small.stream(
            stream, after_version=after, up_to_version=up_to, newest_first=step < 0, limit=limit
        )
        assert rows(read) == of_stream[::step][:limit]
        in_range = [row for row in recorded if row[0] > after and (not up_to or row[0] <= up_to)]
        assert (
            rows(small.read(after, limit or 99, up_to_position=up_to or None))
            == in_range[: limit or 99]
        )
        whole = {known: [row for row in recorded if row[1] == known] for known in _STREAMS}
        found = small.streams(_STREAMS)
        assert {known: rows(events) for known, events in found.items()} == whole
        assert small.existing(_STREAMS) == {known for known, of in whole.items() if of}
        assert small.head() == len(recorded)

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
