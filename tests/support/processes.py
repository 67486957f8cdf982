import os
import signal
import sys
from collections.abc import Sequence

from cli.local import die_with_parent
from cli.local.supervisor import children_of

__all__ = ["children_of", "ending_with_tests"]


def ending_with_tests(
    command: Sequence[str], *, death_signal: signal.Signals = signal.SIGTERM
) -> list[str]:
    """Wrap a command so that it gets `death_signal` when the test process ends, even by SIGKILL."""
    wrapper = [sys.executable, "-I", "-S", die_with_parent.__file__]
    return [*wrapper, str(os.getpid()), str(int(death_signal)), "-", *command]
