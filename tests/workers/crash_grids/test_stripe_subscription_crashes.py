"""Every job about subscriptions dies between any two of its steps and is run again.

At once, in an hour, a day later, and with what the provider tells of it coming first. Whatever the
row: one subscription, one charge of the right amount or none, and nothing left to be paid.
`python -m tests.workers.crash_grids.report` prints the table, each row with a SIGKILL. Reading
changes
nothing: to die after a call that reads is to die before it, and only the printed table has both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.postgres import Server
from tests.support.sandbox import SandboxProcess
from tests.workers.crash_grids.crash_points import APPEND, Death, arm, disarm
from tests.workers.crash_grids.environment import Stand, die_inside, open_stand
from tests.workers.crash_grids.stripe_subscription_flows import (
    ROW_GAPS,
    SUBSCRIPTION_FLOWS,
    SubscriptionFlow,
    is_right,
    row,
)
from tests.workers.crash_grids.worker_process import kill_process


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


def rows(*, killed: bool) -> Iterator[Any]:
    """Name points of each flow; `killed`: those after a call that changes something."""
    for flow in SUBSCRIPTION_FLOWS:
        for point, step in enumerate(["nothing", *flow.steps]):
            if step.startswith("get ") or (killed and (point == 0 or step == APPEND)):
                continue
            for gap in ROW_GAPS[: 1 if killed else None]:
                name = f"{flow.name}: after {point} {step}, {gap}"
                yield pytest.param(flow, point, gap, id=name)


def _check(stand: Stand, flow: SubscriptionFlow, point: int, gap: str, kill: Any) -> None:
    after, told = row(stand, flow, point, gap, kill)
    assert is_right(flow, point, gap, after, told), (after, told)


@pytest.mark.parametrize(("flow", "point", "gap"), list(rows(killed=False)))
def test_death_at_any_point_ends_right(
    stand: Stand, flow: SubscriptionFlow, point: int, gap: str
) -> None:
    _check(stand, flow, point, gap, die_inside)


@pytest.mark.parametrize(("flow", "point", "gap"), list(rows(killed=True)))
def test_a_worker_killed_after_a_call_that_changes_something_ends_right(
    stand: Stand, flow: SubscriptionFlow, point: int, gap: str
) -> None:
    _check(stand, flow, point, gap, kill_process)
