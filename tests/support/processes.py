import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from cli.local import die_with_parent


def ending_with_tests(
    command: Sequence[str], *, death_signal: signal.Signals = signal.SIGTERM
) -> list[str]:
    """Wrap a command so that it gets `death_signal` when the test process ends, even by SIGKILL."""
    wrapper = [sys.executable, "-I", "-S", die_with_parent.__file__]
    return [*wrapper, str(os.getpid()), str(int(death_signal)), "-", *command]


def children_of(owner: Path) -> list[psutil.Process]:
    """Find the running processes that the supervisor of this data folder started."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("BILLHOOK_UP_CHILD_OF") == str(owner):
                found.append(process)
        except psutil.Error:
            continue
    return found
