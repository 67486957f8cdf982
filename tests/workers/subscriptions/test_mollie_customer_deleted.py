"""A subscription whose customer was deleted at Mollie is over, and a request for it is answered."""

from __future__ import annotations

import pytest

from domain.subscriptions.view import SubscriptionView
from tests.workers.mollie_harness import MollieBench
from tests.workers.subscriptions.mollie_subscription_harness import Recurring


def without_customer(mollie: MollieBench) -> tuple[Recurring, SubscriptionView]:
    """Return a running subscription whose customer was deleted at Mollie since."""
    recurring = Recurring(mollie)
    view = recurring.started()
    mollie.account.client.customers.delete(view.customer or "")
    return recurring, view


@pytest.mark.parametrize("at_period_end", [True, False])
def test_its_cancellation_is_done_at_once(mollie: MollieBench, *, at_period_end: bool) -> None:
    recurring, view = without_customer(mollie)

    after = recurring.cancel(view.id, at_period_end=at_period_end)

    assert (after.status, after.pending_request, after.failure) == ("canceled", None, None)
    assert (after.recurring_minor, after.gave_up) == (0, None)


def test_its_change_is_refused_with_the_reason(mollie: MollieBench) -> None:
    recurring, view = without_customer(mollie)

    after = recurring.change(view.id, ("monthly", 2))

    assert (after.status, after.pending_request) == ("canceled", None)
    assert after.failure is not None
    assert after.failure.code == "subscription_gone"
    assert after.recurring_minor == 0
