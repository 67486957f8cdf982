from pathlib import Path

import pytest

pytest_plugins = [
    "tests.support.hypothesis_profile",
    "tests.support.network",
    "tests.support.postgres",
    "tests.support.redis",
    "tests.support.shared_system",
]

_SANDBOX = Path(__file__).parent / "sandbox"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of the sandbox as extended: the other tests use what it does for them."""
    for item in items:
        if item.path.is_relative_to(_SANDBOX):
            item.add_marker(pytest.mark.extended)
