import gc
import signal
from pathlib import Path

import pytest

from tests.support.chromium import chromium

pytest_plugins = [
    "tests.support.hypothesis_profile",
    "tests.support.network",
    "tests.support.postgres",
    "tests.support.redis",
    "tests.support.shared_system",
    "tests.support.worker_end",
]

_TESTS = Path(__file__).parent
_SANDBOX = _TESTS / "sandbox"
# Each case of these takes seconds: a death at each point, random orders of events.
_GRIDS = (_TESTS / "workers" / "crash_grids", _TESTS / "workers" / "event_orders")


def pytest_configure() -> None:
    """Let the processes of tests hear SIGINT, which a shell's job in the background ignores."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    """Return whether the browser tests of the dashboard run."""
    return f"browser tests: {chromium() or 'not run: there is no Chromium on PATH'}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark extended tests: all of the sandbox, and of each grid's test all but the first case.

    Other tests use what the sandbox's tests check.
    """
    seen: set[str] = set()
    for item in items:
        name = item.nodeid.partition("[")[0]
        is_grid = any(item.path.is_relative_to(folder) for folder in _GRIDS)
        if item.path.is_relative_to(_SANDBOX) or (is_grid and name in seen):
            item.add_marker(pytest.mark.extended)
        seen.add(name)


def pytest_collection_finish() -> None:
    """Leave what is loaded by now out of each collection of garbage."""
    gc.collect()
    gc.freeze()
