"""A key of another profile of Mollie ends no subscription: it goes on to be charged."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from domain.gateway.errors import GatewayMisconfigured
from tests.workers.mollie_harness import MollieBench
from tests.workers.subscriptions.mollie_subscription_harness import MONTH, Recurring
from workers.providers.mollie.gateway import MollieGateway
from workers.subscriptions.mollie_change import change_mandate_subscription
from workers.subscriptions.mollie_watch import check_subscription


@pytest.fixture
def recurring(mollie: MollieBench) -> Iterator[Recurring]:
    right = mollie.gateway
    yield Recurring(mollie)
    mollie.gateway = right


def use_another_profile(mollie: MollieBench) -> None:
    key = f"test_{secrets.token_hex(15)}"
    mollie.gateway = MollieGateway(key, api_base=mollie.account.url)


@pytest.mark.parametrize("at_period_end", [True, False])
def test_a_cancellation_waits_for_the_right_key(
    mollie: MollieBench, recurring: Recurring, *, at_period_end: bool
) -> None:
    right, view = mollie.gateway, recurring.started()
    use_another_profile(mollie)
    with pytest.raises(GatewayMisconfigured, match="key of the connection's account"):
        recurring.cancel(view.id, at_period_end=at_period_end)
    assert recurring.view(view.id).pending_request is not None
    assert recurring.view(view.id).status == "active"

    mollie.gateway = right
    change_mandate_subscription(view.id, recurring.deps())
    assert recurring.view(view.id).pending_request is None
    at_mollie = right.fetch_mandate_subscription(
        view.provider_subscription_id, customer=view.customer or ""
    )
    assert at_mollie.state == "canceled"


def test_the_periodic_check_leaves_the_subscription(
    mollie: MollieBench, recurring: Recurring
) -> None:
    view = recurring.started()
    recurring.pass_time(MONTH)
    use_another_profile(mollie)
    with pytest.raises(GatewayMisconfigured):
        check_subscription(view.id, recurring.deps())
    assert recurring.view(view.id).status == "active"
