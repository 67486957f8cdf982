from __future__ import annotations

import pytest

from tests.workers.mollie_harness import MollieBench
from tests.workers.subscriptions.mollie_subscription_harness import Recurring


@pytest.fixture
def recurring(mollie: MollieBench) -> Recurring:
    return Recurring(mollie)
