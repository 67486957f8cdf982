from __future__ import annotations

import pytest

from tests.sandbox.stripe.shop import Shop
from tests.sandbox.stripe.subscription_helpers import Club


@pytest.fixture
def club(shop: Shop) -> Club:
    return Club(shop)
