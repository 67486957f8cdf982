"""On what the figures were measured: figures of two machines differ, ratios hardly."""

import os
import platform
import statistics
import time
from pathlib import Path
from typing import Final

import psutil

from cli.python_build import lacks_optimizations
from eventlog.database.connect import connect
from tests.benchmarks.summary_statistics import rounded

_SETTINGS: Final = ("server_version", "fsync", "synchronous_commit", "full_page_writes")
# The smallest transaction that has to reach the disk before it is answered.
_SYNCED: Final = "SELECT pg_logical_emit_message(true, 'benchmark', 'x')"
_COMMITS: Final = 100
_GIB: Final = 2**30


def facts(dsn: str) -> dict[str, object]:
    """Describe machine, Python and database server; `commit_ms` is what the disk costs."""
    with connect(dsn, application_name="benchmark") as connection:
        shown = {name: connection.execute(f"SHOW {name}").fetchone() for name in _SETTINGS}
        took_ms = []
        for _ in range(_COMMITS):
            started_s = time.perf_counter()
            connection.execute(_SYNCED)
            took_ms.append((time.perf_counter() - started_s) * 1000)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gib": round(psutil.virtual_memory().total / _GIB),
        "load_before": round(os.getloadavg()[0], 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "python_lacks_optimizations": lacks_optimizations(),
        "postgres": {name: row[0] if row else None for name, row in shown.items()},
        "commit_ms": rounded(statistics.median(took_ms)),
    }


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
