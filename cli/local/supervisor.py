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

from cli.local.process import EmbeddedError, log_tail, spawn, stop_process, wait_until

_POLL_S = 0.1
_FIRST_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 30.0
_SETTLED_AFTER_S = 60.0
_OWNER_MARK = "BILLHOOK_UP_CHILD_OF"


class ChildFailedError(Exception):
    """A process ended, or did not become ready, while the system was starting."""


class Unit(Protocol):
    """What the supervisor keeps alive: a process of ours, or an embedded server."""

    @property
    def name(self) -> str: ...  # noqa: D102 - a word for people
    def launch(self) -> None: ...  # noqa: D102 - starts it, does not wait
    def is_running(self) -> bool: ...  # noqa: D102 - the process lives
    def is_ready(self) -> bool: ...  # noqa: D102 - it does its work
    def request_stop(self) -> None: ...  # noqa: D102 - asks, does not wait
    def stop(self, *, timeout_s: float) -> None: ...  # noqa: D102 - waits, then forces
    def log_end(self) -> str: ...  # noqa: D102 - its last words


class ChildProcess:
    """One of our own processes: `command` in a session of its own, writing to `log`.

    `ready` tells when it does its work; without it, a process that lives is ready.
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
    ) -> None:
        self.name = name
        self._command = command
        self._env = {**env, _OWNER_MARK: str(owner)}
        self._log = log
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None
        self._asked_to_stop = False

    def launch(self) -> None:
        """Start it; what its last run left behind in its session is killed first."""
        self._end_session()
        self._asked_to_stop = False
        self._process = spawn(self._command, log=self._log, env=self._env)

    def is_running(self) -> bool:
        """Tell whether the process lives (its own children do not count)."""
        return self._process is not None and self._process.poll() is None

    def is_ready(self) -> bool:
        """Tell whether it does its work."""
        return self.is_running() and (self._ready is None or self._ready())

    def request_stop(self) -> None:
        """Ask it to end: once, for many servers take a second SIGTERM as "now"."""
        if self._process is not None and self.is_running() and not self._asked_to_stop:
            self._asked_to_stop = True
            self._process.terminate()

    def stop(self, *, timeout_s: float) -> None:
        """End it and all that it started, by force when the time is over."""
        self.request_stop()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
        self._end_session()

    def exit_code(self) -> int | None:
        """Give the code that it ended with; None while it runs."""
        return self._process.poll() if self._process is not None else None

    def log_end(self) -> str:
        """Give the last lines of its log."""
        return log_tail(self._log)

    def _end_session(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


@dataclass
class _Watched:
    unit: Unit
    launched_at: float
    failures: int = 0
    due_at: float | None = field(default=None)


class Supervisor:
    """Starts units stage by stage, restarts what dies, stops stage by stage in reverse.

    `stopping` tells that the operator wants the end; `report` gets what a person should see.
    """

    def __init__(self, *, report: Callable[[str], None], stopping: Callable[[], bool]) -> None:
        self._report = report
        self._stopping = stopping
        self._stages: list[list[_Watched]] = []

    def start(self, *units: Unit, timeout_s: float = 60) -> None:
        """Start a stage and wait until all of it is ready.

        Raises ChildFailedError with the end of the log of the one that is not.
        """
        stage: list[_Watched] = []
        self._stages.append(stage)
        for unit in units:
            stage.append(_Watched(unit, launched_at=time.monotonic()))
            unit.launch()
        for unit in units:
            self._await_ready(unit, timeout_s=timeout_s)

    def run(self) -> None:
        """Keep every unit alive until the operator wants the end."""
        while not self._stopping():
            for watched in self._all():
                self._tend(watched)
            time.sleep(_POLL_S)

    def stop(self, *, stage_timeout_s: float = 12) -> None:
        """Stop the stages in reverse; a stage's units end side by side within the time."""
        for stage in reversed(self._stages):
            deadline = time.monotonic() + stage_timeout_s
            for watched in stage:
                watched.unit.request_stop()
            for watched in stage:
                watched.unit.stop(timeout_s=max(deadline - time.monotonic(), 0.1))
        self._stages.clear()

    def _all(self) -> list[_Watched]:
        return [watched for stage in self._stages for watched in stage]

    def _await_ready(self, unit: Unit, *, timeout_s: float) -> None:
        """Wait for one unit; one that ended, be it another, ends the wait at once."""
        wait_until(
            lambda: unit.is_ready() or self._ended() is not None or self._stopping(),
            timeout_s=timeout_s,
        )
        if self._stopping():
            return
        if (ended := self._ended()) is not None:
            raise ChildFailedError(f"{ended.name} ended; its log ends:\n{ended.log_end()}")
        if not unit.is_ready():
            raise ChildFailedError(f"{unit.name} is not ready; its log ends:\n{unit.log_end()}")

    def _ended(self) -> Unit | None:
        return next((w.unit for w in self._all() if not w.unit.is_running()), None)

    def _tend(self, watched: _Watched) -> None:
        now = time.monotonic()
        unit = watched.unit
        if unit.is_running():
            if watched.failures and now - watched.launched_at > _SETTLED_AFTER_S:
                watched.failures = 0
            return
        if watched.due_at is None:
            delay_s = backoff_s(watched.failures)
            watched.failures += 1
            watched.due_at = now + delay_s
            self._report(f"{unit.name} ended; starting it again in {delay_s:g} s\n{unit.log_end()}")
        elif now >= watched.due_at:
            watched.due_at = None
            watched.launched_at = now
            try:
                unit.launch()
            except (EmbeddedError, OSError) as error:
                self._report(f"{unit.name} could not be started: {error}")


def backoff_s(failures: int) -> float:
    """Give the pause before the next start: 0.5 s, doubled by each failure, at most 30 s."""
    return min(_FIRST_BACKOFF_S * 2.0 ** min(failures, 10), _LONGEST_BACKOFF_S)


def end_leftovers(owner: Path, *, timeout_s: float = 8) -> None:
    """End the processes of an owner that was killed; raises nothing, kills in the end.

    They were asked to end when it died. Found by a mark in their environment: pids are reused.
    """
    left = [process for process in psutil.process_iter() if _is_child_of(process, owner)]
    _, alive = psutil.wait_procs(left, timeout=timeout_s)
    for process in alive:
        stop_process(process, signals=(), timeout_s=timeout_s)


def _is_child_of(process: psutil.Process, owner: Path) -> bool:
    try:
        return process.environ().get(_OWNER_MARK) == str(owner)
    except psutil.Error:
        return False
