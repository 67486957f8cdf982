"""Every flow's job dies between any two of its steps and is run again, at once, in an hour, a day.

Whatever the row: one charge (or one refund) of the right amount, the right status, nothing astray.
`python -m tests.workers.crash_grids.report` prints the table, each row with a SIGKILL.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.postgres import Server
from tests.support.sandbox import SandboxProcess
from tests.workers.crash_grids.crash_points import APPEND
from tests.workers.crash_grids.environment import Stand, die_inside, open_stand
from tests.workers.crash_grids.report import summary
from tests.workers.crash_grids.stripe_invoice_flows import FLOWS, GAPS, Flow
from tests.workers.crash_grids.stripe_invoice_steps import STEPS
from tests.workers.crash_grids.worker_process import kill_process

_READS: Final = ("get ", APPEND)


@pytest.fixture(scope="module")
def stand(postgres_server: Server, sandbox: SandboxProcess) -> Iterator[Stand]:
    dbname = postgres_server.migrated_database()
    with open_stand(postgres_server.dsn(dbname), sandbox.url) as made:
        yield made
    postgres_server.drop(dbname)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_the_table_names_every_step_of_each_flow(stand: Stand, flow: Flow) -> None:
    assert stand.steps(flow) == STEPS[flow.name]


def rows(*, killed: bool) -> Iterator[Any]:
    """Name each point of each flow; `killed`: those after a call that changes something."""
    for flow in FLOWS:
        steps = ["nothing", *STEPS[flow.name]]
        for point, step in enumerate(steps):
            if killed and (point == 0 or step.startswith(_READS)):
                continue
            for gap in list(GAPS)[: 1 if killed else None]:
                yield pytest.param(
                    flow, point, gap, id=f"{flow.name}: after {point} {step}, {gap} later"
                )


@pytest.mark.parametrize(("flow", "point", "gap"), list(rows(killed=False)))
def test_death_at_any_point_ends_right(stand: Stand, flow: Flow, point: int, gap: str) -> None:
    assert stand.row(flow, point, GAPS[gap], die_inside) == flow.end


@pytest.mark.parametrize(("flow", "point", "gap"), list(rows(killed=True)))
def test_a_worker_killed_after_a_call_that_changes_something_ends_right(
    stand: Stand, flow: Flow, point: int, gap: str
) -> None:
    assert stand.row(flow, point, GAPS[gap], kill_process) == flow.end


def test_the_documents_show_the_table_in_short() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reliability.md").read_text()
    begin, end = "<!-- python -m tests.workers.crash_grids.report --summary -->\n", "<!-- end -->"
    shown = page.partition(begin)[2].partition(end)[0]
    assert shown.splitlines() == list(summary())
