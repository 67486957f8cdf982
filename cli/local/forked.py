"""Start processes of Billhook as forks of this one, which has imported their modules once.

Forks share the memory of the modules, and start without importing them. Linux only: the system
libraries of macOS do not work in a fork.
"""

import gc
import importlib
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Final

from setproctitle import setproctitle

from cli.local.die_with_parent import end_with_parent
from cli.local.signals import forget_signals

_MODULES: Final = (
    "cli.main",
    "projections.__main__",
    "sandbox.app",
    "service.__main__",
    "service.app",
    "workers.__main__",
    "workers.reconciliation.run",
)
_MAIN: Final = ".__main__"
_STDERR: Final = 2
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# prometheus_client chooses its storage when it is imported: files, which the API's processes share.
_METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"


def can_fork() -> bool:
    """Return whether processes can be forks of this one: on Linux, without threads."""
    return sys.platform == "linux" and threading.active_count() == 1


class ForkedProcess:
    """A fork of this process, with the methods of subprocess.Popen that a supervisor calls."""

    def __init__(self, process: ForkProcess) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Return its pid, which is that of its session and process group, too."""
        return int(self._process.ident or 0)

    def poll(self) -> int | None:
        """Return the exit code; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the process ends. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code

    def terminate(self) -> None:
        """Send SIGTERM, unless it ended."""
        self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL, unless it ended."""
        self._process.kill()


class Preloaded:
    """The modules of all processes, imported once."""

    def __init__(self, modules: Sequence[str] = _MODULES) -> None:
        """Import the modules; what lives until now is kept out of garbage collections."""
        os.environ.setdefault(_METRICS_FOLDER, os.devnull)
        try:
            for module in modules:
                importlib.import_module(module)
                if module.endswith(_MAIN):
                    del sys.modules[module]  # runpy warns of one that it is about to run
        finally:
            del os.environ[_METRICS_FOLDER]
        gc.collect()
        gc.freeze()

    def start(
        self, command: Sequence[str], *, log: Path, env: Mapping[str, str], title: str
    ) -> ForkedProcess:
        """Fork a process that runs `python -m MODULE ARGUMENT…`, a command of that form.

        It has a session of its own, and gets SIGTERM when this process ends. `title` precedes
        `-m MODULE …` in lists of processes.
        """
        _, dash_m, module, *arguments = command
        if dash_m != "-m":
            raise ValueError(f"not a module's command: {command}")
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        process = multiprocessing.get_context("fork").Process(
            target=_run,
            name=module,
            args=(module, arguments),
            kwargs={
                "log": log,
                "env": dict(env),
                "title": " ".join((title, *command[1:])),
                "parent": os.getpid(),
                "not_its_own": _open_descriptors(),
            },
        )
        # A fork has the handlers of this process until it restores the default ones: a signal to it
        # waits until then, for such a handler would ignore a stop on its behalf.
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        return ForkedProcess(process)


def _run(
    module: str,
    arguments: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    title: str,
    parent: int,
    not_its_own: Sequence[int],
) -> None:
    """Become the process: a new session, its own input and output, environment and handlers."""
    os.setsid()
    end_with_parent(parent, signal.SIGTERM)
    forget_signals()
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
    _redirect_input()
    _redirect_output(log)
    for descriptor in not_its_own:
        os.close(descriptor)
    setproctitle(title)  # before the environment changes, next to which the kernel keeps it
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except Exception:  # noqa: BLE001 - as the interpreter does at the end of a process
        sys.excepthook(*sys.exc_info())
        raise SystemExit(1) from None


def _redirect_input() -> None:
    """Open standard input on nothing: multiprocessing leaves one that no child would inherit."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.dup2(descriptor, 0)
    os.set_inheritable(0, True)
    if descriptor:
        os.close(descriptor)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115


def _redirect_output(log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(descriptor, number)
    os.close(descriptor)
    # As a process of its own has them: what it writes is not that of a terminal.
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115


def _open_descriptors() -> list[int]:
    """Return the open descriptors but for standard input, output and error."""
    found = [int(one.name) for one in Path("/proc/self/fd").iterdir()]
    return [one for one in found if one > _STDERR and _is_open(one)]


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:  # that of the listing itself
        return False
    return True
