from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe

from eventlog import persistence
from eventlog.log import Log
from tests.support.mollie_account import MollieAccount
from tests.support.mutating_proxy import MutatingProxy, mutating_proxy
from tests.support.sandbox import SandboxProcess
from tests.support.stripe_account import Account
from tests.workers.mollie_harness import MollieBench
from tests.workers.stripe_harness import Bench
from workers.runtime import open_billing


@pytest.fixture(scope="session", autouse=True)
def _short_pauses() -> Iterator[None]:
    """Let Stripe's SDK repeat a failed call at once, not after half a second."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.01)
        yield


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    folder: Path = tmp_path_factory.mktemp("sandbox")
    with SandboxProcess(folder=folder) as process:
        yield process


@pytest.fixture
def account(sandbox: SandboxProcess) -> Iterator[Account]:
    with Account(sandbox.url) as made:
        yield made


@pytest.fixture
def bench(database: str, account: Account) -> Iterator[Bench]:
    log = Log.open(database)
    yield Bench(log, open_billing(log, name="bench"), account)
    persistence.register("bench", None)
    log.close()


@pytest.fixture
def mollie(database: str, sandbox: SandboxProcess) -> Iterator[MollieBench]:
    log = Log.open(database)
    with MollieAccount(sandbox.url) as account:
        yield MollieBench(log, open_billing(log, name="mollie"), account)
    persistence.register("mollie", None)
    log.close()


@pytest.fixture
def proxy(sandbox: SandboxProcess) -> Iterator[MutatingProxy]:
    with mutating_proxy(sandbox.url) as running:
        yield running
