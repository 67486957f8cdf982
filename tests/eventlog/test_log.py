import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import DatabaseError, DataError, IntegrityError, StoredEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog.append.limits import CommitLimits
from eventlog.bodies import Body
from eventlog.database.fair_share import session_holder
from eventlog.errors import Conflict, LogClosed, LogUnavailable
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from tests.eventlog.stored_events import stored
from tests.support.wait_until import until_async

_STREAMS = [uuid4() for _ in range(4)]


def test_events_come_back_as_they_were_recorded(log: Log) -> None:
    first, second = uuid4(), uuid4()
    events = [stored(first, 1), stored(second, 1), stored(first, 2, state=b"\x00\xff")]
    assert log.append(events) == [1, 2, 3]
    assert [event.stored() for event in log.stream(first)] == [events[0], events[2]]
    assert [event.position for event in log.read(0, 10)] == [1, 2, 3]
    assert log.head() == 3


def test_a_version_that_is_taken_is_a_conflict_that_names_the_stream(log: Log) -> None:
    stream = uuid4()
    log.append([stored(stream, 1)])
    with pytest.raises(Conflict) as caught:
        log.append([stored(), stored(stream, 1)])
    assert (caught.value.stream, caught.value.offered, caught.value.recorded) == (stream, 1, 1)
    assert isinstance(caught.value, IntegrityError)
    assert log.head() == 1


@pytest.mark.parametrize("version", [0, 2, -1])
def test_a_stream_starts_at_one(log: Log, version: int) -> None:
    with pytest.raises(Conflict):
        log.append([stored(version=version)])
    assert log.head() == 0


def test_a_version_cannot_be_left_out(log: Log) -> None:
    stream = uuid4()
    with pytest.raises(Conflict):
        log.append([stored(stream, 1), stored(stream, 3)])
    assert log.stream(stream) == []


def test_a_stream_can_be_read_in_part(log: Log) -> None:
    stream = uuid4()
    log.append([stored(stream, version) for version in range(1, 6)])

    def versions(**bounds: int | bool) -> list[int]:
        return [event.originator_version for event in log.stream(stream, **bounds)]  # type: ignore[arg-type]

    assert versions(after_version=3) == [4, 5]
    assert versions(after_version=1, up_to_version=3) == [2, 3]
    assert versions(newest_first=True, limit=2) == [5, 4]


def test_many_streams_are_read_together(log: Log, database: str) -> None:
    streams = [uuid4() for _ in range(3)]
    log.append([stored(streams[0], 1), stored(streams[1], 1), stored(streams[0], 2)])

    async def read() -> dict[UUID, list[RecordedEvent]]:
        reader = await Log.open_async(database)
        try:
            return await reader.streams_async(streams)
        finally:
            await reader.close_async()

    found = asyncio.run(read())
    assert {stream: len(events) for stream, events in found.items()} == {
        streams[0]: 2,
        streams[1]: 1,
        streams[2]: 0,
    }


def test_the_log_is_read_by_topic_and_in_pieces(log: Log) -> None:
    log.append([stored(topic="a"), stored(topic="b"), stored(topic="a"), stored(topic="c")])
    assert [event.position for event in log.read(0, 10, topics=["a", "c"])] == [1, 3, 4]
    assert [event.position for event in log.read(1, 2)] == [2, 3]
    assert [event.position for event in log.read(0, 10, up_to_position=2)] == [1, 2]


def test_nothing_is_recorded_with_nothing(log: Log) -> None:
    assert log.append([]) == []
    with pytest.raises(ValueError, match="body"):
        log.append([], [Body.of(b"alone", None)])


def test_what_the_database_cannot_hold_is_refused_before_it_is_sent(log: Log) -> None:
    text = cast("bytes", "a text")
    unfit = [stored(topic="a\x00b"), stored(topic="\ud800"), stored(version=2**64)]
    unfit.append(stored(state=text))
    for event in unfit:
        with pytest.raises(DataError):
            log.append([event])
    with pytest.raises(TypeError, match="UUID"):
        log.append([StoredEvent("no-uuid", 1, "Happened", b"")])
    assert log.append([stored()]) == [1]


def test_an_append_that_the_database_refuses_fails_alone(database: str) -> None:
    bad_body = Body(sha256=b"short", tenant=None, data=b"")

    async def scenario() -> list[list[int] | BaseException]:
        log = await Log.open_async(database)
        results = await asyncio.gather(
            log.append_async([stored()]),
            log.append_async([stored()], [bad_body]),
            log.append_async([stored()]),
            return_exceptions=True,
        )
        await log.close_async()
        return list(results)

    first, bad, last = asyncio.run(scenario())
    assert (first, last) == ([1], [2])
    assert isinstance(bad, DatabaseError)


def test_a_read_beyond_its_callers_share_fails_at_its_deadline(database: str) -> None:
    async def scenario() -> None:
        log = await Log.open_async(database, limits=CommitLimits(deadline_s=1))
        session_holder.set("a caller")

        async def has_sessions() -> bool:
            reads = [log.head_async() for _ in range(2)]
            return await asyncio.gather(*reads, return_exceptions=True) == [0, 0]

        await until_async(has_sessions)
        with psycopg.connect(database) as connection:
            connection.execute("LOCK TABLE eventlog.events IN ACCESS EXCLUSIVE MODE")
            held = [asyncio.create_task(log.head_async()) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(LogUnavailable, match="TimeoutError"):
                await asyncio.wait_for(log.head_async(), timeout=30)
        assert await asyncio.gather(*held) == [0, 0]
        await log.close_async()

    asyncio.run(scenario())


def test_a_database_without_tables_is_an_error_that_names_the_cause(empty_database: str) -> None:
    log = Log.open(empty_database)
    for call in (log.head, lambda: log.append([stored()])):
        with pytest.raises(DatabaseError, match=r"Undefined|InvalidSchema"):
            call()
    log.close()


def test_a_closed_log_raises(database: str) -> None:
    log = Log.open(database)
    log.append([stored()])
    log.close()
    log.close()
    with pytest.raises(LogClosed):
        log.append([stored()])
    with pytest.raises(LogClosed):
        log.head()


def test_blocking_the_log_s_own_loop_is_refused(database: str) -> None:
    async def scenario() -> None:
        log = await Log.open_async(database)
        with pytest.raises(RuntimeError, match="_async"):
            log.head()
        await log.close_async()

    asyncio.run(scenario())


@settings(max_examples=25)
@given(st.lists(st.lists(st.tuples(st.sampled_from(_STREAMS), st.integers(1, 4)), max_size=4)))
def test_an_append_is_recorded_whole_or_refused_whole(
    log: Log, appends: list[list[tuple[UUID, int]]]
) -> None:
    """Against a model: every stream is 1, 2, 3, …, and an append that is not changes nothing."""
    offset = log.head()
    fresh = {stream: uuid4() for stream in _STREAMS}
    model: dict[UUID, int] = dict.fromkeys(fresh.values(), 0)
    recorded: list[StoredEvent] = []
    for append in appends:
        events = [stored(fresh[stream], version) for stream, version in append]
        after = dict(model)
        fits = True
        for event in events:
            stream = UUID(str(event.originator_id))
            fits = fits and event.originator_version == after[stream] + 1
            after[stream] = event.originator_version
        if fits:
            first = offset + len(recorded) + 1
            assert log.append(events) == list(range(first, first + len(events)))
            model, recorded = after, [*recorded, *events]
        else:
            with pytest.raises(Conflict):
                log.append(events)
    assert [event.stored() for event in log.read(offset, 1000)] == recorded


def test_the_same_version_offered_at_once_is_recorded_once(log: Log) -> None:
    stream, barrier = uuid4(), threading.Barrier(20)

    def offer(nr: int) -> list[int] | Conflict:
        barrier.wait()
        try:
            return log.append([stored(stream, 1, state=b"%d" % nr)])
        except Conflict as conflict:
            return conflict

    with ThreadPoolExecutor(20) as threads:
        results = list(threads.map(offer, range(20)))
    assert [result for result in results if isinstance(result, list)] == [[1]]
    assert log.append([stored(stream, 2)]) == [2]


def test_a_thread_that_waits_while_the_log_closes_is_answered(database: str) -> None:
    log = Log.open(database)
    started = threading.Barrier(9)

    def call(_: int) -> str:
        log.head()
        started.wait()
        try:
            while True:
                log.head()
        except LogClosed:
            return "closed"

    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(call, range(8), timeout=60)
        started.wait()
        log.close()
        assert list(answers) == ["closed"] * 8


@pytest.fixture
def _no_stray_threads() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_a_log_that_is_left_open_does_not_keep_its_process_alive(log: Log) -> None:
    assert log.head() == 0
    assert [it.daemon for it in threading.enumerate() if it.name == "event log"] == [True]


@pytest.mark.usefixtures("_no_stray_threads")
def test_a_closed_log_leaves_no_thread_behind(database: str) -> None:
    Log.open(database).close()
