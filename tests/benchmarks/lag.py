"""From an append to the row that a reader sees, at a moderate rate."""

import asyncio
import time
from typing import Final
from uuid import uuid4

import uvloop

from projections.invoices.queries import InvoiceQueries
from tests.benchmarks.environment import Stage
from tests.benchmarks.report import Report, say
from tests.benchmarks.summary_statistics import percentiles, ratio
from tests.benchmarks.workload import Effort
from tests.projections.harness import Reading, append, reading, requested

_PER_SECOND: Final = 50
_TIMEOUT_S: Final = 10


def measure(stage: Stage, effort: Effort, report: Report) -> dict[str, object]:
    """Append at a steady rate; wait for each row as the API's readers do."""
    dsn = stage.database("lag")
    with stage.running("projections", environment={"BILLHOOK_DATABASE_URL": dsn}):
        appends_s, lags_s, missing = uvloop.run(_follow(dsn, seconds=effort.lag_s))
    if missing:
        report.fail(f"lag: {missing} invoices were not visible within {_TIMEOUT_S} s")
    appending, lag = percentiles(appends_s), percentiles(lags_s)
    found: dict[str, object] = {
        "invoices": len(lags_s),
        "per_second": _PER_SECOND,
        "append": appending,
        "append_to_visible": lag,
        "ratio_to_append": ratio([lag["p50_ms"]], [appending["p50_ms"]]),
    }
    say(f"lag: {found}")
    return found


async def _follow(dsn: str, *, seconds: float) -> tuple[list[float], list[float], int]:
    """Return append times, times until a row is visible, and the number that never was."""
    async with reading(dsn) as books:
        await _query(books)  # connects, and waits until the projections are there
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        queries = []
        for number in range(int(seconds * _PER_SECOND)):
            await asyncio.sleep(started_s + number / _PER_SECOND - loop.time())
            queries.append(asyncio.create_task(_query(books)))
        times = await asyncio.gather(*queries)
    seen = [one for one in times if one is not None]
    appends_s, lags_s = (list(column) for column in zip(*seen, strict=True))
    return appends_s, lags_s, len(times) - len(seen)


async def _query(books: Reading) -> tuple[float, float] | None:
    """Append a request and wait until its row is read; None when that takes too long."""
    app_id = uuid4()
    invoice = requested(app_id)
    invoices: InvoiceQueries = books.invoices
    started_s = time.perf_counter()
    position = await append(books.log, invoice)
    appended_s = time.perf_counter()
    if not await invoices.wait_for("invoices", position, _TIMEOUT_S):
        return None
    if await invoices.get_invoice(app_id, invoice.id) is None:
        return None
    return appended_s - started_s, time.perf_counter() - appended_s
