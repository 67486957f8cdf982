"""Run `billhook reconcile run` in a process that can be stopped; sample its memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self

import psutil

from tests.support.processes import ending_with_tests

_SAMPLE_S: Final = 0.2
# As the scheduler's threads have it.
NICENESS: Final = 10


class AuditProcess:
    """An audit in a process of its own. `ran_s`: without the time in which it was stopped."""

    def __init__(self, environment: Mapping[str, str], arguments: Sequence[str]) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed on exit
        command = [sys.executable, "-m", "cli", "reconcile", "run", *arguments]
        self._started_s = time.monotonic()
        self._process = subprocess.Popen(
            ["nice", "-n", str(NICENESS), *ending_with_tests(command)],
            env=environment,
            stdout=self._output,
        )
        self._known = psutil.Process(self._process.pid)
        self._stopped_s = 0.0
        self._samples: list[float] = []
        self.cpu_s = self.ran_s = 0.0
        self._sampling = threading.Thread(target=self._sample)
        self._sampling.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.is_running():
            self._process.kill()
        self._process.wait()
        self._sampling.join()
        self._output.close()

    def is_running(self) -> bool:
        """Return whether it has not ended."""
        return self._process.poll() is None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop it meanwhile."""
        started_s = time.monotonic()
        if not self.is_running():
            yield
            return
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)
            self._stopped_s += time.monotonic() - started_s

    def finished(self) -> dict[str, Any]:
        """Wait for its end; return its last line."""
        self._process.wait()
        self._sampling.join()
        self._output.seek(0)
        lines = self._output.read().splitlines()
        if self._process.returncode:
            raise RuntimeError(f"the audit ended with {self._process.returncode}")
        found: dict[str, Any] = json.loads(lines[-1])
        return found

    def _sample(self) -> None:
        while self.is_running():
            try:
                times = self._known.cpu_times()
                # From the first page on: before, it loads modules.
                if os.fstat(self._output.fileno()).st_size:
                    self._samples.append(self._known.memory_info().rss / 2**20)
            except psutil.Error:
                break
            self.cpu_s = times.user + times.system
            time.sleep(_SAMPLE_S)
        self._process.wait()
        self.ran_s = time.monotonic() - self._started_s - self._stopped_s

    @property
    def early_mb(self) -> float:
        """Return the most memory in the first quarter of the samples."""
        return max(self._samples[: max(len(self._samples) // 4, 1)])

    @property
    def most_mb(self) -> float:
        """Return the most memory."""
        return max(self._samples)
