from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import account, caller
from tests.support.system import System

__all__ = ["account", "caller"]


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system with one API process: what one request changed, the next one meets."""
    with System(tmp_path_factory.mktemp("system")) as running:
        yield running
