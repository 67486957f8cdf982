"""Measure the cost of an idle `billhook up` and its pick-up time of jobs."""

import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

import psutil
import psycopg

from cli.local.files import saved_settings
from tests.benchmarks.environment import Stage
from tests.benchmarks.report import Report, say
from tests.benchmarks.summary_statistics import Figures, medians, percentiles, rounded
from tests.benchmarks.system_cpu import cpu_since, cpu_times
from tests.benchmarks.workload import Effort
from tests.support.system import System, eventually

_WARM_UP_S: Final = 10.0
_WINDOWS: Final = 5
_SERVERS: Final = ("postgres", "redis")
# Notes when a sent row is claimed, before the claim marks it again. By the database's clock.
_WATCH: Final = """
    CREATE TABLE public.pickups (
        job bigint PRIMARY KEY, opened_at timestamptz, sent_at timestamptz, claimed_at timestamptz
    );
    CREATE FUNCTION public.note_pickup() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO public.pickups SELECT id, opened_at, sent_at, clock_timestamp()
            FROM work.jobs WHERE id = NEW.job
            ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$;
    CREATE TRIGGER note_pickup AFTER INSERT ON work.running FOR EACH ROW
        EXECUTE FUNCTION public.note_pickup();
"""
_PICKUPS: Final = """
    SELECT extract(epoch FROM claimed_at - opened_at)::float8,
           extract(epoch FROM claimed_at - sent_at)::float8 FROM public.pickups
"""


def measure(_: Stage, effort: Effort, report: Report) -> dict[str, object]:
    """Run the system without callers, then with one request at a time and pauses between them."""
    with (
        tempfile.TemporaryDirectory(prefix="billhook-idle-") as folder,
        System(Path(folder)) as system,
    ):
        system.stop()
        started_s = time.monotonic()
        system.start()
        ready_s = rounded(time.monotonic() - started_s)
        time.sleep(_WARM_UP_S)
        memory = _memory_mb(system)
        say(f"ready after {ready_s} s, {memory} MB")
        windows = [_cpu_percent(system, seconds=effort.idle_s) for _ in range(_WINDOWS)]
        cpu, totals = medians(windows), sorted(one["total"] for one in windows)
        say(f"idle: {cpu['total']} % of a core, {totals[0]} to {totals[-1]}")
        picked_up = _pick_up_times(system, jobs=effort.pickups, report=report)
        say(f"picked up: {picked_up}")
    return {
        "ready_s": ready_s,
        "memory_mb": memory,
        "cpu_percent": cpu,
        "cpu_percent_of_windows": totals,
        "seconds_of_a_window": effort.idle_s,
        **picked_up,
    }


def _memory_mb(system: System) -> Figures:
    """Return the memory of all processes: what several share is divided among them (PSS)."""
    supervisor = psutil.Process(system.pid)
    found: Counter[str] = Counter()
    for process in [supervisor, *supervisor.children(recursive=True)]:
        kind = next((name for name in _SERVERS if name in process.name()), "billhook")
        found[kind] += process.memory_full_info().pss
        found["total"] += process.memory_full_info().pss
    return {kind: rounded(size / 10**6) for kind, size in found.items()}


def _cpu_percent(system: System, *, seconds: float) -> Figures:
    before, started_s = cpu_times(system), time.monotonic()
    time.sleep(seconds)
    used, took_s = cpu_since(before, cpu_times(system)), time.monotonic() - started_s
    found = {role: rounded(100 * cpu_s / took_s) for role, cpu_s in used.items()}
    return found | {"total": rounded(100 * sum(used.values()) / took_s)}


def _pick_up_times(system: System, *, jobs: int, report: Report) -> dict[str, Figures]:
    """Request invoices one by one; the times until a worker's thread has claimed the job."""
    dsn = saved_settings(system.data_dir)["BILLHOOK_DATABASE_URL"]
    chance = random.Random(0)  # noqa: S311 - spreads the requests, hides nothing
    with psycopg.connect(dsn, autocommit=True) as session, system.caller() as caller:
        session.execute(_WATCH)
        for number in range(jobs):
            time.sleep(0.3 + 0.4 * chance.random())
            answer = caller.post_invoice(
                system.demo["tenant_id"], key=f"idle-{number}", prefer="respond-async"
            )
            if answer.status_code >= 400:
                report.fail(f"a request was answered with {answer.status_code}")
        eventually(lambda: _count(session) >= jobs)
        rows = session.execute(_PICKUPS).fetchall()
    return {
        "opened_to_claimed": percentiles([row[0] for row in rows]),
        "sent_to_claimed": percentiles([row[1] for row in rows]),
    }


def _count(session: psycopg.Connection[tuple[object, ...]]) -> int:
    row = session.execute("SELECT count(*)::int FROM public.pickups").fetchone()
    return 0 if row is None else int(str(row[0]))
