"""Every job about subscriptions dies between any two of its steps and is run again.

At once and a day later, before and after the provider's webhooks about it. Whatever the
row: one subscription, one charge of the right amount or none, and nothing left to be paid.
`python -m tests.workers.crash_grids.report` prints the table, each row with a SIGKILL.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.postgres import Server
from tests.support.sandbox import SandboxProcess
from tests.workers.crash_grids.environment import Kill, Stand, die_inside, open_stand
from tests.workers.crash_grids.stripe_subscription_flows import SUBSCRIPTION_FLOWS
from tests.workers.crash_grids.stripe_subscription_grid import (
    DELIVERED,
    ROW_GAPS,
    SubscriptionFlow,
    is_right,
    row,
)
from tests.workers.crash_grids.worker_process import kill_process
from tests.workers.crash_points import Death, arm, changing_points, death_points, disarm

EXTENDED: Final = pytest.mark.extended
# One run at once without webhooks, one a day later with them; the extended tests cross the two.
GAPS_OF_EVERY_RUN: Final = {"0 s", f"25 h{DELIVERED}"}


@pytest.fixture(scope="module")
def stand(postgres_server: Server, sandbox: SandboxProcess) -> Iterator[Stand]:
    dbname = postgres_server.migrated_database()
    with open_stand(postgres_server.dsn(dbname), sandbox.url) as made:
        yield made
    postgres_server.drop(dbname)


@pytest.mark.parametrize("flow", SUBSCRIPTION_FLOWS, ids=lambda flow: flow.name)
def test_the_table_names_every_step_of_each_flow(stand: Stand, flow: SubscriptionFlow) -> None:
    bench = stand.bench(flow.name)
    job = flow.prepare(bench)
    death = Death()
    arm(bench, death)
    job.run(bench)
    disarm(bench)
    assert death.steps == flow.steps


def check(stand: Stand, flow: SubscriptionFlow, point: int, gap: str, kill: Kill) -> None:
    """Kill a flow's job at a point, run it again after the gap, and compare how it ended."""
    after, final = row(stand, flow, point, gap, kill)
    assert is_right(flow, point, gap, after, final), (point, gap, after, final)


@pytest.mark.parametrize(
    "gap",
    [gap if gap in GAPS_OF_EVERY_RUN else pytest.param(gap, marks=EXTENDED) for gap in ROW_GAPS],
)
@pytest.mark.parametrize("flow", SUBSCRIPTION_FLOWS, ids=lambda flow: flow.name)
def test_death_at_any_point_ends_right(stand: Stand, flow: SubscriptionFlow, gap: str) -> None:
    for point, _ in death_points(flow.steps):
        check(stand, flow, point, gap, die_inside)


@pytest.mark.extended
@pytest.mark.parametrize("flow", SUBSCRIPTION_FLOWS, ids=lambda flow: flow.name)
def test_a_worker_killed_after_a_call_that_changes_something_ends_right(
    stand: Stand, flow: SubscriptionFlow
) -> None:
    for point, _ in changing_points(flow.steps):
        check(stand, flow, point, "0 s", kill_process)
