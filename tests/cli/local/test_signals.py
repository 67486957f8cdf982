"""Test that waits end when a child does, and that a fork has nothing of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from cli.local.signals import SignalWait, forget_signals
from tests.support.wait_until import DEADLINE_S


@pytest.fixture
def signals() -> Iterator[SignalWait]:
    with SignalWait() as made:
        yield made


def test_the_end_of_a_child_ends_a_wait(signals: SignalWait) -> None:
    started_s = time.monotonic()
    child = subprocess.Popen([sys.executable, "-c", ""])
    while child.poll() is None:
        signals.wait(DEADLINE_S)
    assert time.monotonic() - started_s < DEADLINE_S


def test_a_signal_from_before_a_wait_ends_it_and_no_later_one(signals: SignalWait) -> None:
    os.kill(os.getpid(), signal.SIGCHLD)
    started_s = time.monotonic()
    signals.wait(DEADLINE_S)
    assert time.monotonic() - started_s < DEADLINE_S
    started_s = time.monotonic()
    signals.wait(0.05)
    assert time.monotonic() - started_s >= 0.05


def test_handlers_are_those_of_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGCHLD)
    SignalWait().close()
    assert signal.getsignal(signal.SIGCHLD) == before
    assert signal.set_wakeup_fd(-1) == -1


def test_a_fork_writes_nothing_to_the_pipe_of_its_parent(signals: SignalWait) -> None:
    pid = os.fork()
    if not pid:
        forget_signals()
        signal.signal(signal.SIGUSR1, lambda *_: None)
        os.kill(os.getpid(), signal.SIGUSR1)
        os._exit(signal.getsignal(signal.SIGCHLD) != signal.SIG_DFL)
    signals.wait(DEADLINE_S)  # its end is the first signal
    assert os.waitpid(pid, 0) == (pid, 0)
