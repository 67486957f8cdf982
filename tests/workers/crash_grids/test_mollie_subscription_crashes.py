"""Every job about subscriptions at Mollie dies between any two of its steps and is run again.

At once, in an hour, a day later. Whatever the row: one subscription, each period charged once, and
no first payment that could be paid a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.workers.crash_grids.crash_points import Death
from tests.workers.crash_grids.mollie_subscription_flows import (
    FLOWS,
    Flow,
    arm,
    die,
    disarm,
    look,
)
from tests.workers.crash_grids.stripe_invoice_flows import GAPS
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


def rows() -> Iterator[Any]:
    """Name each point of each flow, with each gap. To die after a reading is to die before it."""
    for flow in FLOWS:
        for point, step in enumerate(["nothing", *flow.steps]):
            for gap in () if step.startswith("get ") else GAPS:
                name = f"{flow.name}: after {point} {step}, {gap}"
                yield pytest.param(flow, point, gap, id=name)


@pytest.mark.parametrize(("flow", "point", "gap"), list(rows()))
def test_death_at_any_point_ends_right(
    recurring: Recurring, flow: Flow, point: int, gap: str
) -> None:
    case = flow.prepare(recurring)

    die(case, point)
    recurring.pass_time(GAPS[gap])
    case.run()

    assert look(case) == flow.end
