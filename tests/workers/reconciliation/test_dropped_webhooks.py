"""A day with dropped, late, doubled and reversed webhooks heals, at both providers."""

from __future__ import annotations

from random import Random

import pytest

from tests.workers.reconciliation.nets import Nets
from tests.workers.reconciliation.open_item_folding import Folding
from tests.workers.reconciliation.storm import MollieStorm, StripeStorm, weather

PAYMENTS = 6
DROPS = [1.0, pytest.param(0.1, marks=pytest.mark.extended)]


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - chooses what happens


@pytest.mark.parametrize("drop", DROPS)
def test_a_day_at_stripe_heals(stripe_nets: Nets, folding: Folding, drop: float) -> None:
    numbers = weather(StripeStorm(stripe_nets, folding, seeded(7), drop), PAYMENTS)
    assert numbers["invoices"] >= PAYMENTS
    assert drop < 1 or numbers["drifts"] > 0


@pytest.mark.parametrize("drop", DROPS)
def test_a_day_at_mollie_heals(mollie_nets: Nets, folding: Folding, drop: float) -> None:
    numbers = weather(MollieStorm(mollie_nets, folding, seeded(7), drop), PAYMENTS)
    assert numbers["invoices"] >= PAYMENTS
    assert numbers["drifts"] > 0
