from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stripe_account import Account
from tests.support.system import Caller, System


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Run one system for all tests of a session that leave it unchanged: each start takes seconds.

    It has one API process, so that what one request changed, the next one meets.
    """
    with System(tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.fixture
def caller(system: System) -> Iterator[Caller]:
    with system.caller() as made:
        yield made


@pytest.fixture
def account(system: System) -> Iterator[Account]:
    with system.account() as made:
        yield made
        made.admin.set_latency(0)
        made.admin.set_webhooks(delay_ms=0, hold=False, copies=1, order="asis")
        made.admin.release()
        made.admin.drop_faults()
