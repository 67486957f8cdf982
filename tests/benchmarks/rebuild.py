"""Events per second of a rebuild of the invoices, beside reading and decoding them alone."""

import asyncio
import resource
import time
from collections.abc import Callable
from typing import Any, Final

import uvloop
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent, UUIDAsHex

from cli.local.process import wait_until
from domain.events import INVOICE_TOPICS
from eventlog.codec import Codec, EventTranscoder
from eventlog.database.connect import connect
from eventlog.log import Log
from projections.generations.rebuild import rebuild
from tests.benchmarks.environment import Stage
from tests.benchmarks.report import Report, say
from tests.benchmarks.summary_statistics import Figures, medians, ratio, rounded
from tests.benchmarks.workload import Effort
from tests.projections.harness import append, paid_invoices

_INVOICES_AN_APPEND: Final = 100
_APPENDS_AT_ONCE: Final = 4
_READ_AT_ONCE: Final = 5_000
_FOLLOW_TIMEOUT_S: Final = 300
_POSITION: Final = "SELECT position FROM read.positions WHERE projection = 'invoices'"


def measure(stage: Stage, effort: Effort, report: Report) -> dict[str, object]:
    """Fill a log, let the projections follow it, then rebuild beside them, round by round."""
    dsn = stage.database("rebuild")
    events, filling_s = uvloop.run(_fill(dsn, invoices=effort.invoices))
    say(f"rebuild: {events} events in the log, appended at {events / filling_s:,.0f} per second")
    with stage.running("projections", environment={"BILLHOOK_DATABASE_URL": dsn}):
        following = _follow(dsn, head=events)
        rounds = [_round(dsn, events=events, report=report) for _ in range(effort.rounds)]
    _check_rows(dsn, invoices=effort.invoices, report=report)
    rebuilt = [one["events_per_second"] for one in rounds]
    decoded = [one["decoded_per_second"] for one in rounds]
    found: dict[str, object] = {
        "events": events,
        "appended_in_batches_per_second": rounded(events / filling_s),
        "followed_per_second": rounded(following),
        **medians(rounds),
        "ratio_to_decoding": ratio(rebuilt, decoded),
        "followed_to_decoding": ratio([following] * len(decoded), decoded),
    }
    say(f"rebuild: {found}")
    return found


async def _fill(dsn: str, *, invoices: int) -> tuple[int, float]:
    """Append invoices that are requested, issued, paid and confirmed; events and time it took."""
    batches = [
        paid_invoices(min(_INVOICES_AN_APPEND, invoices - start))
        for start in range(0, invoices, _INVOICES_AN_APPEND)
    ]
    log = await Log.open_async(dsn)
    started_s = time.perf_counter()
    for start in range(0, len(batches), _APPENDS_AT_ONCE):
        some = batches[start : start + _APPENDS_AT_ONCE]
        await asyncio.gather(*(append(log, *batch) for batch in some))
    taken_s = time.perf_counter() - started_s
    head = await log.head_async()
    await log.close_async()
    return head, taken_s


def _follow(dsn: str, *, head: int) -> float:
    """Wait until the followers have all; events per second from their first commit on."""
    with connect(dsn, application_name="benchmark") as connection:

        def position() -> int:
            row = connection.execute(_POSITION).fetchone()
            return 0 if row is None else int(row[0])

        wait_until(lambda: position() > 0, timeout_s=_FOLLOW_TIMEOUT_S)
        first, started_s = position(), time.perf_counter()
        if not wait_until(lambda: position() >= head, timeout_s=_FOLLOW_TIMEOUT_S):
            raise RuntimeError("the projections do not catch up")
        return (head - first) / (time.perf_counter() - started_s)


class _JsonTranscoder(EventTranscoder):
    """Decodes as eventsourcing does."""

    def __init__(self) -> None:
        super().__init__()
        self.register(UUIDAsHex())

    def decode(self, data: bytes) -> Any:
        """Decode by the `json` module."""
        return JSONTranscoder.decode(self, data)


def _round(dsn: str, *, events: int, report: Report) -> Figures:
    here_s = _decode_all(dsn, Codec().decode)
    started_s = _cpu_s()
    decoding_s = _decode_all(dsn, Mapper(transcoder=_JsonTranscoder()).to_domain_event)
    decoded_s = _cpu_s()
    done = rebuild(dsn, "invoices", keep_old_for_s=0)
    rebuilt_s = _cpu_s()
    if done.differing:
        report.fail(f"rebuild: {done.differing} rows differ from those that were followed")
    return {
        "events_per_second": events / done.seconds,
        "filling_events_per_second": events / done.filling_s,
        "decoded_per_second": events / decoding_s,
        "decoded_by_codec_per_second": events / here_s,
        "cpu_us_per_event": 1e6 * (rebuilt_s - decoded_s) / events,
        "decoding_cpu_us_per_event": 1e6 * (decoded_s - started_s) / events,
    }


def _cpu_s() -> float:
    """Return the processor time of this process and of those that it has started and joined."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _decode_all(dsn: str, decode: Callable[[StoredEvent], object]) -> float:
    """Read and decode every event, and do nothing with it; the seconds it takes."""
    position = 0
    log = Log.open(dsn)
    log.head()  # connects
    started_s = time.perf_counter()
    while recorded := log.read(position, _READ_AT_ONCE, INVOICE_TOPICS):
        for event in recorded:
            decode(event)
        position = recorded[-1].position
    taken_s = time.perf_counter() - started_s
    log.close()
    return taken_s


def _check_rows(dsn: str, *, invoices: int, report: Report) -> None:
    with connect(dsn, application_name="benchmark") as connection:
        row = connection.execute("SELECT count(*) FROM read.invoices").fetchone()
    if row is None or row[0] != invoices:
        report.fail(f"rebuild: {invoices} invoices in the log, rows: {row}")
