"""Every job about subscriptions at Mollie dies between any two of its steps and is run again.

At once, in an hour, a day later. Whatever the row: one subscription, each period charged once, and
no first payment that could be paid a second time.
"""

from __future__ import annotations

import pytest

from tests.workers.crash_grids.mollie_subscription_flows import (
    FLOWS,
    Flow,
    arm,
    die_at,
    disarm,
    look,
)
from tests.workers.crash_points import MOLLIE_GAPS, Death, death_points
from tests.workers.mollie_harness import MollieBench
from tests.workers.subscriptions.mollie_subscription_harness import Recurring


@pytest.fixture
def recurring(mollie: MollieBench) -> Recurring:
    return Recurring(mollie)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_the_table_names_every_step_of_each_flow(recurring: Recurring, flow: Flow) -> None:
    case = flow.prepare(recurring)
    death = Death()
    arm(recurring.bench, death)
    case.run()
    disarm(recurring.bench)

    assert death.steps == flow.steps
    assert look(case) == flow.end


@pytest.mark.parametrize("gap", MOLLIE_GAPS)
@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_death_at_any_point_ends_right(recurring: Recurring, flow: Flow, gap: str) -> None:
    for point, step in death_points(flow.steps):
        case = flow.prepare(recurring)

        die_at(recurring.bench, case.run, point)
        recurring.pass_time(MOLLIE_GAPS[gap])
        case.run()

        assert look(case) == flow.end, f"after {point} {step}"
