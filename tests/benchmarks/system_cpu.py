"""Processor time of a running `billhook up`, by kind of process."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import psutil

from tests.support.processes import children_of
from tests.support.system import System

_ROLES: Final = {
    "api": "-m service",
    "background": "workers background",
    "worker": "workers run",
    "sandbox": "-m sandbox",
    "redis": "redis-server",
    "postgresql": "postgres",
    "supervisor": "cli up",
}
Times = dict[tuple[str, int], float]
"""Processor seconds by kind and id of the process."""


def cpu_times(system: System) -> Times:
    """Return the processor time of each process of the system."""
    return dict(_times(system))


def cpu_since(before: Times, after: Times) -> dict[str, float]:
    """Return the processor seconds between two readings, by kind of process."""
    found: defaultdict[str, float] = defaultdict(float)
    for (role, pid), cpu_s in after.items():
        found[role] += cpu_s - before.get((role, pid), 0)
    return dict(found)


def _times(system: System) -> Iterator[tuple[tuple[str, int], float]]:
    up = psutil.Process(system.pid)
    known = {it.pid: it for it in (up, *up.children(recursive=True))}
    for child in children_of(system.data_dir):
        known |= {it.pid: it for it in (child, *child.children(recursive=True))}
    for process in known.values():
        try:
            times = process.cpu_times()
            yield (_role_of(process), process.pid), times.user + times.system
        except psutil.NoSuchProcess:
            continue


def _role_of(process: psutil.Process) -> str:
    named = f"{process.name()} {' '.join(process.cmdline())}"
    return next((role for role, arguments in _ROLES.items() if arguments in named), "other")
