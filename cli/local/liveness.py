"""Detect processes of `billhook up` that run but hang."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Final

_SILENT_S: Final = 20.0
_STARTING_S: Final = 120.0
_PROBE_S: Final = 4.0

Probe = Callable[[], object]
"""Returns a value that differs from the last one while the process is alive."""


class Liveness:
    """Counts the time since a process last showed that it is alive.

    One that starts has `starting_s` for its first sign of life: on a small or busy machine its
    imports alone may take longer than the `silent_s` that it may be silent later, and, killed then,
    it would never start. By the monotonic clock, which stops while a machine sleeps: nothing hangs
    then.
    """

    def __init__(
        self,
        probe: Probe,
        *,
        silent_s: float = _SILENT_S,
        starting_s: float = _STARTING_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._probe = probe
        self._silent_s = silent_s
        self._starting_s = starting_s
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Start to count anew: the process was started."""
        self._has_started = False
        self._last = self._probe()  # what an earlier process left is no sign of this one's life
        self._alive_at_s = self._probed_at_s = self._clock()

    def is_hung(self) -> bool:
        """Return whether the process has been silent for too long.

        Probes every 4 s, and at each call until the first sign of life: a process that hangs soon
        after it is only then known to have started.
        """
        now_s = self._clock()
        if not self._has_started or now_s - self._probed_at_s >= _PROBE_S:
            self._probed_at_s = now_s
            seen = self._probe()
            if seen != self._last:
                self._last, self._alive_at_s, self._has_started = seen, self._clock(), True
        allowed_s = self._silent_s if self._has_started else self._starting_s
        return self._clock() - self._alive_at_s > allowed_s


def heartbeat_probe(file: Path) -> Probe:
    """Probe the time at which a process last touched its heartbeat file."""

    def last_beat() -> object:
        try:
            return file.stat().st_mtime_ns
        except FileNotFoundError:
            return None

    return last_beat


def answer_probe(responds: Callable[[float], bool]) -> Probe:
    """Probe a port; each response counts as a heartbeat.

    `responds` waits at most so many seconds, in a thread: a process that is overloaded responds
    late, and is alive.
    """
    count = 0
    waiting: Thread | None = None

    def wait_for_answer() -> None:
        nonlocal count
        count += responds(_SILENT_S)

    def last_answer() -> object:
        nonlocal waiting
        if waiting is None or not waiting.is_alive():
            waiting = Thread(target=wait_for_answer, name="answer probe", daemon=True)
            waiting.start()
        return count

    return last_answer
