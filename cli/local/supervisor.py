import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from cli.local.forked import ForkedProcess, Preloaded
from cli.local.liveness import Liveness
from cli.local.process import EmbeddedError, log_tail, spawn, stop_process, wait_until
from eventlog.process.backoff import backoff_s

_POLL_S = 0.1
# Units are looked at once in so long, besides when one ends: whether one hangs.
_LOOK_S = 2.0
_HOUSEKEEP_S = 10.0
_FIRST_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 30.0
# A process that ran for so long does not fail at its start: its next end is a new fault.
_SETTLED_AFTER_S = 10.0
_OWNER_MARK = "BILLHOOK_UP_CHILD_OF"


class ChildFailedError(Exception):
    """A process ended, or did not become ready, while the system was starting."""


class Unit(Protocol):
    """A supervised process: one of Billhook's, or an embedded server."""

    @property
    def name(self) -> str: ...  # noqa: D102 - shown to the operator
    def launch(self) -> None: ...  # noqa: D102 - starts it, does not wait
    def is_running(self) -> bool: ...  # noqa: D102 - the process lives
    def is_ready(self) -> bool: ...  # noqa: D102 - the service is available
    def is_hung(self) -> bool: ...  # noqa: D102 - it runs, but shows no sign of life
    def request_stop(self) -> None: ...  # noqa: D102 - does not wait
    def stop(self, *, timeout_s: float) -> None: ...  # noqa: D102 - waits, then kills
    def log_end(self) -> str: ...  # noqa: D102 - the last lines of its log


class ChildProcess:
    """A process of Billhook: `command` in a session of its own, with output to `log`.

    `ready` is its readiness check; without it, a running process is ready. `liveness` detects that
    it hangs; without it, a running process is alive. With `preloaded` it is a fork of this process.
    """

    def __init__(
        self,
        name: str,
        *,
        command: Sequence[str],
        env: Mapping[str, str],
        log: Path,
        owner: Path,
        ready: Callable[[], bool] | None = None,
        liveness: Liveness | None = None,
        preloaded: Preloaded | None = None,
    ) -> None:
        self.name = name
        self._owner = owner
        self._preloaded = preloaded
        self._liveness = liveness
        self._command = command
        self._env = {**env, _OWNER_MARK: str(owner)}
        self._log = log
        self._ready = ready
        self._process: subprocess.Popen[bytes] | ForkedProcess | None = None
        self._stop_requested = False

    def launch(self) -> None:
        """Start the process; kills what its last run left in its session first."""
        self._kill_session()
        self._stop_requested = False
        self._process = self._start()
        if self._liveness is not None:
            self._liveness.reset()

    def _start(self) -> subprocess.Popen[bytes] | ForkedProcess:
        if self._preloaded is None:
            return spawn(self._command, log=self._log, env=self._env)
        title = _title_of_children(self._owner)
        return self._preloaded.start(self._command, log=self._log, env=self._env, title=title)

    def is_running(self) -> bool:
        """Return whether the process runs (its own children do not count)."""
        return self._process is not None and self._process.poll() is None

    def is_ready(self) -> bool:
        """Return whether the process runs and its readiness check succeeds."""
        return self.is_running() and (self._ready is None or self._ready())

    def is_hung(self) -> bool:
        """Return whether the process runs but has shown no sign of life for too long."""
        return self.is_running() and self._liveness is not None and self._liveness.is_hung()

    def request_stop(self) -> None:
        """Send SIGTERM once: many servers take a second one as "stop at once"."""
        if self._process is not None and self.is_running() and not self._stop_requested:
            self._stop_requested = True
            self._process.terminate()

    def stop(self, *, timeout_s: float) -> None:
        """Stop the process and its session; kills them after `timeout_s`."""
        self.request_stop()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
        self._kill_session()

    def exit_code(self) -> int | None:
        """Return the exit code; None while it runs."""
        return self._process.poll() if self._process is not None else None

    def log_end(self) -> str:
        """Return the last lines of its log."""
        return log_tail(self._log)

    def _kill_session(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()  # a fork that has no session yet
            self._process.wait()
            self._process = None


@dataclass
class _Watched:
    unit: Unit
    launched_at: float
    failures: int = 0
    due_at: float | None = field(default=None)


class Supervisor:
    """Start units stage by stage, restart failed ones, stop the stages in reverse order.

    `stopping` returns True once the operator requested a stop; `report` prints a message;
    `housekeep` is called once in ten seconds. A unit that ended is restarted after half a second;
    the pause doubles up to 30 s while it ends again within `settled_after_s`. `pause` returns after
    at most so many seconds, earlier when a unit ended or a stop was requested.
    """

    def __init__(
        self,
        *,
        report: Callable[[str], None],
        stopping: Callable[[], bool],
        housekeep: Callable[[], None] = lambda: None,
        pause: Callable[[float], None] = lambda seconds: time.sleep(min(seconds, _POLL_S)),
        settled_after_s: float = _SETTLED_AFTER_S,
    ) -> None:
        self._report = report
        self._housekeep = housekeep
        self._pause = pause
        self._stopping = stopping
        self._settled_after_s = settled_after_s
        self._stages: list[list[_Watched]] = []

    def start(self, *units: Unit, timeout_s: float = 120) -> None:
        """Start a stage and wait until all its units are ready.

        Raises ChildFailedError with the last lines of the log of a unit that is not.
        """
        stage: list[_Watched] = []
        self._stages.append(stage)
        for unit in units:
            stage.append(_Watched(unit, launched_at=time.monotonic()))
            unit.launch()
        for unit in units:
            self._await_ready(unit, timeout_s=timeout_s)

    def run(self) -> None:
        """Restart failed units until the operator requests a stop."""
        housekeep_at = time.monotonic()
        while not self._stopping():
            for watched in self._all():
                self._restart_if_ended(watched)
            now = time.monotonic()
            if now >= housekeep_at:
                self._keep_house()
                housekeep_at = now + _HOUSEKEEP_S
            restarts_at = (watched.due_at for watched in self._all() if watched.due_at is not None)
            self._pause(max(min((now + _LOOK_S, *restarts_at)) - time.monotonic(), 0))

    def stop(self, *, stage_timeout_s: float = 12) -> None:
        """Stop the stages in reverse order; the units of a stage stop at the same time."""
        for stage in reversed(self._stages):
            deadline = time.monotonic() + stage_timeout_s
            for watched in stage:
                watched.unit.request_stop()
            for watched in stage:
                watched.unit.stop(timeout_s=max(deadline - time.monotonic(), 0.1))
        self._stages.clear()

    def _keep_house(self) -> None:
        """Call `housekeep`; units run on where it fails, as on a full disk."""
        try:
            self._housekeep()
        except OSError as error:
            self._report(f"housekeeping failed: {error}")

    def _all(self) -> list[_Watched]:
        return [watched for stage in self._stages for watched in stage]

    def _await_ready(self, unit: Unit, *, timeout_s: float) -> None:
        """Wait until a unit is ready; raises ChildFailedError at once if any unit ended."""
        wait_until(
            lambda: unit.is_ready() or self._ended() is not None or self._stopping(),
            timeout_s=timeout_s,
        )
        if self._stopping():
            return
        if (ended := self._ended()) is not None:
            raise ChildFailedError(f"{ended.name} ended; end of its log:\n{ended.log_end()}")
        if not unit.is_ready():
            raise ChildFailedError(f"{unit.name} is not ready; end of its log:\n{unit.log_end()}")

    def _ended(self) -> Unit | None:
        return next((w.unit for w in self._all() if not w.unit.is_running()), None)

    def _restart_if_ended(self, watched: _Watched) -> None:
        now = time.monotonic()
        unit = watched.unit
        if unit.is_hung():
            self._report(f"{unit.name} hangs; it is killed")
            unit.stop(timeout_s=0)
        if unit.is_running():
            if watched.failures and now - watched.launched_at > self._settled_after_s:
                watched.failures = 0
            return
        if watched.due_at is None:
            delay_s = backoff_s(
                watched.failures, first_s=_FIRST_BACKOFF_S, longest_s=_LONGEST_BACKOFF_S
            )
            watched.failures += 1
            watched.due_at = now + delay_s
            self._report(f"{unit.name} ended; restarting in {delay_s:g} s\n{unit.log_end()}")
        elif now >= watched.due_at:
            watched.due_at = None
            watched.launched_at = now
            try:
                unit.launch()
            except (EmbeddedError, OSError) as error:
                self._report(f"{unit.name} cannot be started: {error}")


def stop_leftovers(owner: Path, *, timeout_s: float = 8) -> None:
    """Wait for the processes of a killed owner to end, and kill them after `timeout_s`.

    They got a signal when it died.
    """
    left = children_of(owner)
    _, alive = psutil.wait_procs(left, timeout=timeout_s)
    for process in alive:
        stop_process(process, signals=(), timeout_s=timeout_s)


def children_of(owner: Path) -> list[psutil.Process]:
    """Find the running processes that the supervisor of this data folder started, and theirs.

    By a variable in their environment, or by the title of a fork: pids are reused.
    """
    return [process for process in psutil.process_iter() if _is_child_of(process, owner)]


def _is_child_of(process: psutil.Process, owner: Path) -> bool:
    try:
        return process.environ().get(_OWNER_MARK) == str(
            owner
        ) or f"{_title_of_children(owner)} -m " in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _title_of_children(owner: Path) -> str:
    return f"billhook-up:{owner}"
