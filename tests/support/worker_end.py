"""Plugin: let a worker of a parallel run end with the run, however that ends.

A worker waits for its threads otherwise, and what it started goes on with it.
"""

from __future__ import annotations

import os
import signal

import pytest

from cli.local.die_with_parent import end_with_parent


def pytest_configure(config: pytest.Config) -> None:
    """Ask the kernel to end this process with the one that gives it tests, if it is a worker."""
    if hasattr(config, "workerinput"):
        end_with_parent(os.getppid(), signal.SIGTERM)
