"""Partitions are detached and attached while others append and read."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import UUID

import pytest

from eventlog.database.verify_chain import verify
from eventlog.log import Log
from eventlog.partitions.attach import attach
from eventlog.partitions.detach import detach
from eventlog.partitions.layout import set_partition_size
from tests.eventlog.stored_events import stored

_STREAMS = [UUID(int=number) for number in range(1, 7)]


@pytest.fixture
def small(database: str) -> Iterator[Log]:
    """Open a log with 40 events in each partition, of which the first is full."""
    set_partition_size(database, 40)
    with closing(Log.open(database)) as log:
        for stream in _STREAMS:
            log.append([stored(stream, version) for version in range(1, 8)])
        yield log


def go_on(log: Log, stream: UUID, over: threading.Event) -> int:
    """Append to a stream that no other thread appends to, and read it, as often as possible."""
    last = 7
    while not over.is_set():
        last += 1
        log.append([stored(stream, last)])
        # It goes on all the time, so that each detachment must keep the whole of it.
        events = log.stream(stream)
        assert [event.originator_version for event in events] == list(range(1, last + 1))
    return last


@pytest.mark.extended
def test_appends_and_reads_go_on_while_partitions_come_and_go(small: Log) -> None:
    over = threading.Event()
    with ThreadPoolExecutor(len(_STREAMS)) as threads:
        running = [threads.submit(go_on, small, stream, over) for stream in _STREAMS]
        try:
            for _ in range(5):
                detach(small.dsn, 1, topics=["Happened"])
                attach(small.dsn, 1)
        finally:
            over.set()
        assert all(one.result() > 8 for one in running)

    assert verify(small.dsn).is_sound
