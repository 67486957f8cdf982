"""A payment method is left at Mollie by a first payment of nothing, and pays by its mandate."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from domain.gateway.errors import GatewayUnavailable
from domain.payment_methods.commands import RequestSetup
from domain.payment_methods.setup import MethodSetup
from domain.payment_methods.view import MethodSetupView
from tests.workers.crash_grids.mollie_subscription_flows import arm, disarm
from tests.workers.crash_points import APPEND, MOLLIE_GAPS, Death, Died, death_points
from tests.workers.mollie_harness import MollieBench
from tests.workers.subscriptions.mollie_subscription_harness import Recurring
from workers.payments.setup_method import SetupDeps, set_up_method

RETURN_URL = "https://shop.example.org/saved"


def request_setup(mollie: MollieBench, tenant_id: UUID | None = None) -> UUID:
    command = RequestSetup(
        setup_id=uuid4(),
        app_id=mollie.app_id,
        tenant_id=tenant_id or mollie.add_tenant(),
        provider="mollie",
        connection=mollie.connection,
        connection_id=mollie.connection_id,
        mode="test",
        redirect_url=RETURN_URL,
        request_hash="hash",
        actor="key:test",
    )
    mollie.billing.save(MethodSetup.request(command, occurred_at=mollie.clock()))
    return command.setup_id


def do(mollie: MollieBench, setup_id: UUID) -> MethodSetupView:
    """Run the job that is due."""
    deps = mollie.deps()
    set_up_method(
        setup_id,
        SetupDeps(
            billing=mollie.billing,
            gateway=mollie.gateway,
            customers=deps.customers,
            now=mollie.clock,
            heartbeat=lambda: None,
            keys=mollie.keys,
            webhook_url=mollie.callback_urls.webhook_url("mollie", mollie.connection_id),
        ),
    )
    return view_of(mollie, setup_id)


def view_of(mollie: MollieBench, setup_id: UUID) -> MethodSetupView:
    return mollie.billing.get(MethodSetup, setup_id).view


def test_a_method_left_on_the_page_can_be_charged_by_its_mandate(mollie: MollieBench) -> None:
    tenant_id = mollie.add_tenant()
    setup_id = request_setup(mollie, tenant_id)
    opened = do(mollie, setup_id)
    (payment,) = mollie.payments()
    assert (opened.status, opened.url) == ("open", payment["_links"]["checkout"]["href"])
    assert (payment["amount"]["value"], payment["sequenceType"]) == ("0.00", "first")
    assert payment["redirectUrl"] == RETURN_URL
    mollie.pay(payment["id"], method="creditcard")
    mollie.receive_webhook(payment["id"])
    assert view_of(mollie, setup_id).status == "submitted"

    done = do(mollie, setup_id)

    assert done.method is not None
    assert (done.status, done.method["type"]) == ("completed", "card")
    assert mollie.account.charged() == []
    charged = mollie.charged(tenant_id=tenant_id, payment_method=done.method["id"]).view
    assert charged.status == "paid"


@pytest.mark.parametrize("outcome", ["failed", "canceled", "expired"])
def test_a_page_that_is_left_without_a_method_is_over(mollie: MollieBench, outcome: str) -> None:
    setup_id = request_setup(mollie)
    do(mollie, setup_id)
    (payment,) = mollie.payments()
    mollie.pay(payment["id"], outcome)

    mollie.receive_webhook(payment["id"])

    after = view_of(mollie, setup_id)
    assert (after.status, after.url) == ("expired", None)


def test_another_valid_mandate_stands_in_for_one_that_became_invalid(mollie: MollieBench) -> None:
    account = mollie.account
    account.admin.set_settings(mandate_outcome="invalid")
    owner = account.with_mandate()
    (first,) = mollie.payments()
    Recurring(mollie).pass_time(timedelta(hours=1))

    def state() -> str | None:
        found = mollie.gateway.find_mandate(first["id"], customer=owner.id)
        return None if found is None else str(found.state)

    assert state() == "invalid"
    account.admin.set_settings(mandate_outcome="valid")
    again = account.pay("1.00", customerId=owner.id, sequenceType="first")
    account.at_checkout(again, "paid", method="creditcard")
    assert state() == "valid"


def test_a_mandate_that_is_pending_is_waited_for(mollie: MollieBench) -> None:
    mollie.account.admin.set_settings(mandate_delay_s=3600)
    setup_id = request_setup(mollie)
    do(mollie, setup_id)
    (payment,) = mollie.payments()
    mollie.pay(payment["id"], method="creditcard")
    mollie.receive_webhook(payment["id"])
    with pytest.raises(GatewayUnavailable):
        do(mollie, setup_id)
    Recurring(mollie).pass_time(timedelta(hours=2))

    assert do(mollie, setup_id).status == "completed"


def test_a_page_of_another_connection_is_rejected(mollie: MollieBench) -> None:
    setup_id = request_setup(mollie)
    do(mollie, setup_id)
    (payment,) = mollie.payments()
    mollie.pay(payment["id"], method="creditcard")
    mollie.connection_id = uuid4()

    mollie.receive_webhook(payment["id"])

    assert view_of(mollie, setup_id).status == "open"


STEPS = [APPEND, "post /v2/customers", APPEND, "get /v2/customers/*", APPEND]
STEPS += ["post /v2/payments", APPEND]


@pytest.mark.parametrize("gap", MOLLIE_GAPS)
@pytest.mark.parametrize("point", [point for point, _ in death_points(STEPS)])
def test_death_at_any_point_leaves_one_page_that_counts(
    mollie: MollieBench, point: int, gap: str
) -> None:
    setup_id, death = request_setup(mollie), Death()
    death.occurred_at = point
    arm(mollie, death)
    with suppress(Died):
        do(mollie, setup_id)
        death.end()
    assert death.occurred_at is None, "the job must have died"
    disarm(mollie)
    Recurring(mollie).pass_time(MOLLIE_GAPS[gap])

    view = do(mollie, setup_id)

    assert death.steps == STEPS[:point]
    for_thread = [one for one in mollie.payments() if one["id"] == view.session_id]
    living = [one for one in mollie.payments() if one["status"] == "open"]
    customers = {one["customerId"] for one in mollie.payments()}
    assert view.status == "open"
    assert (len(for_thread), len(customers)) == (1, 1)
    assert living in (for_thread, [])
