from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.webhook_receiver import Sink
from tests.support.mollie_account import MollieAccount
from tests.support.sandbox import SandboxProcess


@pytest.fixture
def account(sandbox: SandboxProcess) -> Iterator[MollieAccount]:
    """An account of the test's own; its clock stands, so that times can be told."""
    with MollieAccount(sandbox.url) as account:
        account.admin.set_clock(now=1_900_000_000, frozen=True)
        yield account


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink
