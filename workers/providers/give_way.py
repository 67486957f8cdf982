"""Let calls that nobody waits for give way to those of callers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from projections.work.sessions import WorkUnavailable

# A caller that sends one request after the other leaves shorter gaps between its jobs.
_QUIET_S: Final = 0.2
_LONGEST_S: Final = 1.0
_LOOK_EVERY_S: Final = 0.05


class GiveWay:
    """Waits while callers' requests are running, a second at most.

    So a call of reconciliation is made each second however busy callers are, and none is delayed
    while there are no callers.
    """

    def __init__(
        self,
        are_running: Callable[[], bool],
        *,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Store how to look for running requests, the clock and the pause."""
        self._are_running = are_running
        self._now_s = now_s
        self._sleep = sleep
        self._seen_s = -_QUIET_S

    def wait(self) -> None:
        """Return once no request was seen for a moment, or after a second."""
        until_s = self._now_s() + _LONGEST_S
        while self._is_busy() and self._now_s() < until_s:
            self._sleep(_LOOK_EVERY_S)

    def _is_busy(self) -> bool:
        try:
            if self._are_running():
                self._seen_s = self._now_s()
        except WorkUnavailable:
            return False  # what follows needs the database and says so
        return self._now_s() - self._seen_s < _QUIET_S
