from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.mollie_account import MollieAccount
from tests.support.system import DEMO_MOLLIE_KEY, System


@pytest.fixture
def mollie(system: System) -> Iterator[MollieAccount]:
    with MollieAccount(system.demo["sandbox_url"], DEMO_MOLLIE_KEY) as made:
        yield made
