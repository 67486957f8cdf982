"""A setup's job dies between any two of its steps and is run again, at once and a day later.

Whatever the row: one customer, one page that counts, one default.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import pytest

from domain.core import ids
from domain.payment_methods.setup import MethodSetup
from domain.tenants.tenant import Tenant
from tests.workers.crash_grids.stripe_invoice_flows import move
from tests.workers.crash_points import (
    STRIPE_GAPS,
    Death,
    Died,
    arm,
    death_points,
    disarm,
)
from tests.workers.stripe_harness import Bench
from tests.workers.stripe_setup_helpers import (
    default_of,
    deliver_events,
    do,
    known,
    leave,
    opened,
    request_setup,
)

OPENING: Final = [
    "append",
    "post /v1/customers",
    "append",
    "get /v1/customers/*",
    "append",
    "post /v1/checkout/sessions",
    "append",
]
COMPLETION: Final = [
    "get /v1/checkout/sessions/*",
    "get /v1/customers/*",
    "append",
    "post /v1/customers/*",
    "append",
]


def submitted(bench: Bench) -> MethodSetup:
    """A setup on whose page a card was left, though its customer is charged by another so far."""
    setup = opened(bench, bench.add_tenant())
    leave(bench, setup)
    return deliver_events(bench, setup.view.id)


def steps(bench: Bench, setup_id: UUID) -> list[str]:
    """Run the job once undisturbed and name its calls and appends in their order."""
    death = Death()
    arm(bench, death)
    do(bench, setup_id)
    disarm(bench)
    return death.steps


def die(bench: Bench, setup_id: UUID, point: int) -> None:
    death = Death()
    death.occurred_at = point
    arm(bench, death)
    with suppress(Died):
        do(bench, setup_id)
        death.end()
    disarm(bench)
    assert death.occurred_at is None, "the job must have died"


def test_the_tables_below_name_every_step_of_both_jobs(bench: Bench) -> None:
    assert steps(bench, request_setup(bench, bench.add_tenant(linked=False))) == OPENING
    assert steps(bench, submitted(bench).view.id) == COMPLETION


@pytest.mark.parametrize("gap", STRIPE_GAPS)
@pytest.mark.parametrize("point", [point for point, _ in death_points(OPENING)])
def test_death_while_a_page_is_opened_leaves_one_that_counts(
    bench: Bench, point: int, gap: str
) -> None:
    tenant_id = bench.add_tenant(linked=False)
    setup_id = request_setup(bench, tenant_id)
    die(bench, setup_id, point)
    recorded = known(bench, setup_id).view.status == "open"
    move(bench, STRIPE_GAPS[gap])
    do(bench, setup_id)
    setup = deliver_events(bench, setup_id)

    made = bench.account.v1.customers.list().data
    tenant = bench.billing.get(Tenant, ids.for_tenant(bench.app_id, tenant_id))
    assert [customer.id for customer in made] == list(tenant.customers.values())
    if recorded and gap == "25 h":  # it was there all day, and nobody came
        assert setup.view.status == "expired"
        return
    pages: Any = bench.account.v1.checkout.sessions.list({"status": "open"}).data
    assert [(page.id, page.url) for page in pages] == [(setup.view.session_id, setup.view.url)]
    leave(bench, setup)
    deliver_events(bench, setup_id)
    done = do(bench, setup_id).view
    assert done.method is not None
    assert default_of(bench, made[0].id) == done.method["id"]


@pytest.mark.parametrize("gap", STRIPE_GAPS)
@pytest.mark.parametrize("point", [point for point, _ in death_points(COMPLETION)])
def test_death_while_a_card_becomes_the_default_leaves_it_so(
    bench: Bench, point: int, gap: str
) -> None:
    setup = submitted(bench)
    die(bench, setup.view.id, point)
    move(bench, STRIPE_GAPS[gap])
    done = do(bench, setup.view.id).view

    assert done.status == "completed"
    assert done.method is not None
    assert done.customer is not None
    assert default_of(bench, done.customer) == done.method["id"]
    changes = [
        event["data"]["object"]["invoice_settings"]["default_payment_method"]
        for event in bench.events("customer.updated")
    ]
    assert changes.count(done.method["id"]) == 1
