from collections.abc import Iterator

import pytest

from tests.sandbox.stripe.shop import Shop, close_clients
from tests.sandbox.webhook_receiver import Sink
from tests.support.sandbox import SandboxProcess


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxProcess]:
    """Run a sandbox for all tests; each test has an account of its own."""
    with SandboxProcess() as process:
        yield process


@pytest.fixture(autouse=True)
def _no_connection_is_left_open() -> Iterator[None]:
    yield
    close_clients()


@pytest.fixture
def shop(sandbox: SandboxProcess) -> Shop:
    return Shop(sandbox)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink
