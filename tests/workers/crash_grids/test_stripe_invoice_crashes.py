"""Every flow's job dies between any two of its steps and is run again, at once and a day later.

Whatever the row: one charge (or one refund) of the right amount, the right status, nothing astray.
`python -m tests.workers.crash_grids.report` prints the table, each row with a SIGKILL.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import Server
from tests.support.sandbox import SandboxProcess
from tests.workers.crash_grids.environment import Stand, die_inside, open_stand
from tests.workers.crash_grids.report import summary
from tests.workers.crash_grids.stripe_invoice_flows import FLOWS, Flow
from tests.workers.crash_grids.stripe_invoice_steps import STEPS
from tests.workers.crash_grids.worker_process import kill_process
from tests.workers.crash_points import STRIPE_GAPS, changing_points, death_points


@pytest.fixture(scope="module")
def stand(postgres_server: Server, sandbox: SandboxProcess) -> Iterator[Stand]:
    dbname = postgres_server.migrated_database()
    with open_stand(postgres_server.dsn(dbname), sandbox.url) as made:
        yield made
    postgres_server.drop(dbname)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_the_table_names_every_step_of_each_flow(stand: Stand, flow: Flow) -> None:
    assert stand.steps(flow) == STEPS[flow.name]


# The one flow whose many points take seconds.
_LONG = {"refund of two payments": pytest.mark.extended}


@pytest.mark.parametrize("gap", STRIPE_GAPS)
@pytest.mark.parametrize(
    "flow",
    [pytest.param(flow, id=flow.name, marks=_LONG.get(flow.name, ())) for flow in FLOWS],
)
def test_death_at_any_point_ends_right(stand: Stand, flow: Flow, gap: str) -> None:
    for point, step in death_points(STEPS[flow.name]):
        end = stand.row(flow, point, STRIPE_GAPS[gap], die_inside)
        assert end == flow.end, f"after {point} {step}"


@pytest.mark.extended
@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_a_worker_killed_after_a_call_that_changes_something_ends_right(
    stand: Stand, flow: Flow
) -> None:
    for point, step in changing_points(STEPS[flow.name]):
        end = stand.row(flow, point, STRIPE_GAPS["0 s"], kill_process)
        assert end == flow.end, f"after {point} {step}"


def test_the_documents_show_the_table_in_short() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reliability.md").read_text()
    begin, end = "<!-- python -m tests.workers.crash_grids.report --summary -->\n", "<!-- end -->"
    shown = page.partition(begin)[2].partition(end)[0]
    assert shown.splitlines() == list(summary())
