"""Cost of an invoice beside a log of few and of many events, in two running systems."""

import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import uvloop

from cli.local.files import saved_settings
from domain.invoices.invoice import Invoice
from eventlog.database.connect import connect
from eventlog.log import Log
from projections.generations.rebuild import rebuild
from tests.benchmarks.environment import Stage
from tests.benchmarks.pipeline import Load
from tests.benchmarks.report import Report, say
from tests.benchmarks.summary_statistics import Figures, medians, ratio
from tests.benchmarks.workload import Effort
from tests.projections.harness import append, confirm, imported, issue, pay
from tests.projections.random_events import AT
from tests.support.system import System

_CALLERS: Final = 16
_WARM_UP: Final = 4
"""Invoices of each caller before those that are measured."""
_FEW: Final = 10_000
"""Events of the log that the other one is compared with."""
_TEMPLATES: Final = 1_000
_TENANTS: Final = 200
_APART: Final = timedelta(hours=8)
_QUIET_S: Final = 600
# Each copy has an id of its own, with which its id at the provider begins. Positions, chains and
# partitions are made by `eventlog.append`, as for any other event.
_COPY: Final = """
WITH copied AS (
    SELECT position, originator_version AS version, topic, convert_from(state, 'UTF8') AS state,
        left(originator_id::text, 8) AS digits, md5(originator_id::text || %(copy)s) AS id
    FROM eventlog.events WHERE position > %(after)s AND position <= %(last)s
), made AS (
    SELECT array_agg(1 ORDER BY position) AS owners,
        array_agg(id::uuid ORDER BY position) AS ids,
        array_agg(version ORDER BY position) AS versions,
        array_agg(topic ORDER BY position) AS topics,
        array_agg(
            convert_to(replace(state, digits, left(id, 8)), 'UTF8') ORDER BY position
        ) AS states
    FROM copied
)
SELECT cardinality(appended.refused) FROM made,
    eventlog.append(owners, ids, versions, topics, states, '{}', '{}', '{}', '{}') AS appended
"""


def measure(_: Stage, effort: Effort, report: Report) -> dict[str, object]:
    """Post invoices by turns to a system with few events and to one with many.

    Milliseconds of processor time per invoice.
    """
    events = {"few": _FEW, "many": effort.growth_events}
    with ExitStack() as stack:
        loads = {}
        for name, number in events.items():
            folder = tempfile.TemporaryDirectory(prefix=f"billhook-growth-{name}-")
            system = stack.enter_context(System(Path(stack.enter_context(folder))))
            _fill(system, events=number)
            loads[name] = Load(system, report)
            loads[name].await_quiet(timeout_s=_QUIET_S)
            loads[name].post(callers=_CALLERS, each=_WARM_UP)
        rounds = [
            {name: _costs(load, invoices=effort.pipeline) for name, load in loads.items()}
            for _ in range(effort.rounds)
        ]
    costs = {name: [one[name] for one in rounds] for name in events}
    found: dict[str, object] = {
        "events": events,
        **{name: medians(figures) for name, figures in costs.items()},
        "ratio_to_few": {
            part: ratio([one[part] for one in costs["many"]], [one[part] for one in costs["few"]])
            for part in rounds[0]["few"]
        },
    }
    say(f"growth: {found}")
    return found


def _costs(load: Load, *, invoices: int) -> Figures:
    figure = load.measured(callers=_CALLERS, each=max(invoices // _CALLERS, 1))
    whole, parts = figure["cpu_ms_without_sandbox"], figure["cpu_ms"]
    return {"whole": whole} | {part: parts[part] for part in ("postgresql", "background")}


def _fill(system: System, *, events: int) -> None:
    """Append invoices of the demo's app, most of them as copies that the database makes.

    They come into the read model by a rebuild, which takes less time than to follow them.
    """
    dsn = saved_settings(system.data_dir)["BILLHOOK_DATABASE_URL"]
    templates = [_template(UUID(system.demo["app_id"]), number) for number in range(_TEMPLATES)]
    each = sum(len(template.pending_events) for template in templates)
    last = uvloop.run(_append(dsn, templates))
    positions = {"after": last - each, "last": last}
    with connect(dsn, application_name="benchmark") as session:
        for copy in range(1, events // each):
            row = session.execute(_COPY, positions | {"copy": copy}).fetchone()
            if row is None or row[0]:
                raise RuntimeError("copies of invoices were refused")
            if not copy % 250:
                say(f"growth: {(copy + 1) * each} events appended")
    rebuilt = rebuild(dsn, "invoices", keep_old_for_s=0)
    say(f"growth: {rebuilt.events} events rebuilt in {rebuilt.seconds:.0f} s")


def _template(app_id: UUID, number: int) -> Invoice:
    moment = AT + number * _APART
    facts = {"tenant_id": UUID(int=number % _TENANTS), "customer": f"cus_{number % _TENANTS}"}
    invoice = imported(app_id, occurred_at=moment, **facts)
    issue(invoice, occurred_at=moment, total_minor=1000 + number, customer=facts["customer"])
    pay(invoice, occurred_at=moment)
    confirm(invoice, occurred_at=moment)
    return invoice


async def _append(dsn: str, invoices: list[Invoice]) -> int:
    """Append new invoices by one call; return the position of their last event."""
    log = await Log.open_async(dsn)
    try:
        return await append(log, *invoices)
    finally:
        await log.close_async()
