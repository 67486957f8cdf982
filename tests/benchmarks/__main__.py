"""`python -m tests.benchmarks [NAME …] [--quick]`: docs/benchmarks.md.

Figures as JSON on standard output, progress on standard error. Ends with 1 when a figure is worth
nothing: an answer was wrong, an acknowledged event is not there, a row differs.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Final

from eventlog.process.log_setup import configure_logging
from tests.benchmarks import (
    acks,
    appends,
    bulkheads,
    crashes,
    dashboard,
    growth,
    idle,
    lag,
    limits,
    lists,
    machine,
    pipeline,
    rebuild,
    reconciliation,
    scale,
    streams,
)
from tests.benchmarks.environment import Stage
from tests.benchmarks.report import Report, say
from tests.benchmarks.workload import FULL, QUICK, Effort

_BENCHMARKS: Final[dict[str, Callable[[Stage, Effort, Report], dict[str, object]]]] = {
    "acks": acks.measure,
    "scale": scale.measure,
    "appends": appends.measure,
    "rebuild": rebuild.measure,
    "lag": lag.measure,
    "streams": streams.measure,
    "growth": growth.measure,
    "lists": lists.measure,
    "idle": idle.measure,
    "bulkheads": bulkheads.measure,
    "crashes": crashes.measure,
    "pipeline": pipeline.measure,
    "audit": reconciliation.measure_audit,
    "lost-webhooks": reconciliation.measure_days,
    "dashboard": dashboard.measure,
}


def main() -> int:
    """Measure what is named, or everything."""
    arguments = _parser().parse_args()
    effort = replace(
        QUICK if arguments.quick else FULL,
        processes=arguments.processes,
        audit_calls_per_s=arguments.audit_calls_per_s,
        audit_objects=arguments.audit_objects,
        sync_engine=arguments.sync_engine,
        namespaces=arguments.namespaces,
    )
    if arguments.events:
        effort = replace(effort, growth_events=arguments.events)
    if arguments.rows:
        effort = replace(effort, rows=arguments.rows, invoices=arguments.rows)
    found = measure(arguments.names or list(_BENCHMARKS), effort, Report())
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return 1 if found["failures"] else 0


def measure(names: Sequence[str], effort: Effort, report: Report) -> dict[str, object]:
    """Run benchmarks one after the other; their figures, the machine and what failed."""
    configure_logging("console")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is stopped
    started_s = time.monotonic()
    with Stage() as stage:
        found: dict[str, object] = {
            "machine": machine.facts(stage.empty_database("machine")),
            "effort": asdict(effort),
        }
        for name in names:
            say(f"-- {name}")
            found[name] = _BENCHMARKS[name](stage, effort, report)
    found["limits"] = limits.compared(found)
    found["seconds"] = round(time.monotonic() - started_s)
    found["failures"] = report.failures
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    named = ", ".join(_BENCHMARKS)
    # Python 3.11 checks "no name" against the choices, too.
    known = [*_BENCHMARKS, []]
    parser.add_argument("names", nargs="*", choices=known, metavar="NAME", help=named)
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    parser.add_argument("--processes", type=int, default=1, help="of each server (default 1)")
    rate = "rate limit of the audited connection (default 100, Stripe's live mode)"
    parser.add_argument("--audit-calls-per-s", type=int, default=100, help=rate)
    objects = "invoices of the audited account (default 100,000)"
    parser.add_argument("--audit-objects", type=int, default=100_000, help=objects)
    engine = "folder with the npm packages @supabase/stripe-sync-engine and stripe, a peer of acks"
    parser.add_argument("--sync-engine", metavar="FOLDER", help=engine)
    spread = "scale: also two machines, each a network namespace (root on Linux, iproute2)"
    parser.add_argument("--namespaces", action="store_true", help=spread)
    parser.add_argument("--rows", type=int, help="invoices of lists, rebuild and dashboard")
    parser.add_argument("--events", type=int, help="events of growth's large log")
    return parser


if __name__ == "__main__":
    sys.exit(main())
