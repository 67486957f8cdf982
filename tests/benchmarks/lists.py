"""Response times of lists, searches, reports and pages of an app with very many invoices."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, Self

from tests.benchmarks.environment import Child, Stage
from tests.benchmarks.filled_app import fill_app
from tests.benchmarks.list_requests import Requests
from tests.benchmarks.list_rows import table_sizes
from tests.benchmarks.report import Report, say
from tests.benchmarks.summary_statistics import Figures, rounded
from tests.benchmarks.workload import Effort

_SAMPLES: Final = 100
_LONGEST_S: Final = 10.0


def measure(stage: Stage, effort: Effort, report: Report) -> dict[str, object]:
    """Fill the rows, then send each kind of request, one after the other, to one process."""
    started_s = time.perf_counter()
    app = fill_app(stage, "lists", rows=effort.rows, only_lists=True)
    found: dict[str, object] = {
        "rows": effort.rows,
        "filling_s": rounded(time.perf_counter() - started_s),
        "sizes": table_sizes(app.dsn),
    }
    with (
        stage.running("projections", environment=app.environment),
        stage.serving("service", environment=app.environment, ready_path="/readyz") as service,
        Caller(service.port, key=app.key, app_id=app.app_id) as caller,
    ):
        requests = Requests(app.app_id, app.samples)
        run = _Run(caller, report)
        found["lists"] = {name: run.times(make) for name, make in requests.kinds().items()}
        found["cursor"] = _by_cursor(caller, requests)
        found["admin_pages"] = _by_page(run, rows=effort.rows)
        found["csv"] = _csv(caller, service, requests.csv())
    return found


class Caller:
    """A caller with one connection that stays open."""

    def __init__(self, port: int, *, key: str, app_id: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.headers = {"api-key": key, "x-client-id": app_id}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def get(self, target: str) -> tuple[int, bytes]:
        """Return the status and the body."""
        self._connection.request("GET", target, headers=self.headers)
        response = self._connection.getresponse()
        return response.status, response.read()

    def stream(self, target: str) -> Iterator[bytes]:
        """Yield the parts of a long body."""
        self._connection.request("GET", target, headers=self.headers)
        response = self._connection.getresponse()
        while part := response.read(1 << 16):
            yield part


class _Run:
    """Send requests until there are enough answers, or the time is over."""

    def __init__(self, caller: Caller, report: Report) -> None:
        self._caller = caller
        self._report = report

    def times(self, target: Callable[[], str]) -> Figures:
        """Return response times of targets."""
        self._caller.get(target())  # warms up
        took_s: list[float] = []
        slowest = ""
        until_s = time.perf_counter() + _LONGEST_S
        while len(took_s) < _SAMPLES and time.perf_counter() < until_s:
            asked, started_s = target(), time.perf_counter()
            status, _ = self._caller.get(asked)
            took_s.append(time.perf_counter() - started_s)
            slowest = asked if took_s[-1] == max(took_s) else slowest
            if status != http.client.OK:
                self._report.fail(f"lists: {asked} was answered with {status}")
                break
        found = _percentiles(took_s)
        say(f"{found} slowest {slowest[-150:]}")
        return found


def _percentiles(took_s: list[float]) -> Figures:
    ordered = sorted(took_s)

    def at(share: float) -> float:
        return rounded(ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000)

    return {
        "answers": len(ordered), "least_ms": rounded(ordered[0] * 1000), "p50_ms": at(0.5),
        "p95_ms": at(0.95), "p99_ms": at(0.99),
    }  # fmt: skip


def _by_cursor(caller: Caller, requests: Requests) -> Figures:
    """Follow the cursors of a list through its pages of 100."""
    target, took_s = requests.first_page(), []
    for _ in range(_SAMPLES):
        started_s = time.perf_counter()
        _, body = caller.get(target)
        took_s.append(time.perf_counter() - started_s)
        cursor = json.loads(body)["nextCursor"]
        if cursor is None:
            break
        target = requests.after(cursor)
    return _percentiles(took_s)


def _by_page(run: _Run, *, rows: int) -> dict[str, Figures]:
    """Open pages by their number (seed 003), near the end as well."""
    found = {}
    for share in (0, 0.1, 0.5, 0.69):
        steps = itertools.count(1 + int(rows * share) // 100)
        found[f"row {rows * share:,.0f}"] = run.times(partial(_admin_page, steps))
    return found


def _admin_page(steps: Iterator[int]) -> str:
    return f"/admin/api/invoices?page={next(steps)}&limit=100"


def _csv(caller: Caller, service: Child, target: str) -> Figures:
    """Read the whole list as CSV; lines per second, and the growth of the service's memory."""
    before_mb = service.memory_mb()
    lines, started_s = 0, time.perf_counter()
    with _most_memory(service) as most_mb:
        for part in caller.stream(target):
            lines += part.count(b"\n")
            if time.perf_counter() - started_s > 6 * _LONGEST_S:
                break
        taken_s = time.perf_counter() - started_s
    found = {
        "rows": lines,
        "rows_per_second": rounded(lines / taken_s),
        "memory_before_mb": rounded(before_mb),
        "memory_most_mb": rounded(max(most_mb)),
    }
    say(f"csv: {found}")
    return found


@contextmanager
def _most_memory(service: Child) -> Iterator[list[float]]:
    samples, stop = [service.memory_mb()], threading.Event()

    def watch() -> None:
        while not stop.wait(0.2):
            samples.append(service.memory_mb())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()
