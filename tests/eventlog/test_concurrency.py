import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from eventlog.database.verify_chain import verify
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from tests.eventlog.stored_events import stored
from tests.support.processes import ending_with_tests

_PROCESSES = 3
_THREADS = 8
_APPENDS = 25

_WRITER = """
import sys
from tests.eventlog.test_concurrency import write
write(sys.argv[1])
"""


def write(dsn: str) -> None:
    """Append from many threads at once: streams of two events, the second on the first."""
    log = Log.open(dsn)

    def one_thread(_: int) -> None:
        for _ in range(_APPENDS):
            first = stored()
            log.append([first])
            log.append([stored(UUID(str(first.originator_id)), 2), stored()])

    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(one_thread, range(_THREADS)))
    log.close()


def test_a_reader_that_follows_positions_misses_nothing(database: str, log: Log) -> None:
    """Many processes and threads append while readers go on from the last position they saw."""
    total = _PROCESSES * _THREADS * _APPENDS * 3
    readers: list[list[RecordedEvent]] = [[], []]
    gave_up = threading.Event()

    def follow(read: list[RecordedEvent]) -> None:
        while len(read) < total and not gave_up.is_set():
            read.extend(log.read(read[-1].position if read else 0, 50))

    threads = [threading.Thread(target=follow, args=(read,)) for read in readers]
    for thread in threads:
        thread.start()
    writers = [
        subprocess.Popen(ending_with_tests([sys.executable, "-c", _WRITER, database]))
        for _ in range(_PROCESSES)
    ]
    codes = [writer.wait(timeout=120) for writer in writers]
    for thread in threads:
        thread.join(timeout=60)
    gave_up.set()
    assert codes == [0] * _PROCESSES
    for read in readers:
        assert [event.position for event in read] == list(range(1, total + 1))
    assert verify(database).is_sound
