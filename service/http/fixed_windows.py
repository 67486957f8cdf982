"""Count events per key and window of time, in this process."""

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(slots=True)
class _Window:
    ends_at_s: float
    used: int = 0


class FixedWindows:
    """Admit at most `amount` per key and window; a window begins with the first count of its key.

    No locks and no tasks: each call runs on the event loop and takes constant time. Windows that
    ended are dropped by later calls.
    """

    def __init__(
        self, amount: int, *, period_s: float, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.amount = amount
        self._period_s = period_s
        self._clock_s = clock_s
        # All windows are equally long: they end in the order in which they were inserted.
        self._windows: dict[Hashable, _Window] = {}

    def fits(self, key: Hashable, *, cost: int = 1) -> bool:
        """Return whether `cost` more would be admitted; count nothing."""
        return self._used(key) + cost <= self.amount

    def count(self, key: Hashable, *, cost: int = 1) -> bool:
        """Count, also beyond the amount; return whether it was admitted."""
        now_s = self._clock_s()
        window = self._windows.get(key)
        if window is None or window.ends_at_s <= now_s:
            self._drop_ended()
            window = self._windows[key] = _Window(now_s + self._period_s)
        window.used += cost
        return window.used <= self.amount

    def give_back(self, key: Hashable, *, cost: int = 1) -> None:
        """Undo a count; one of a window that has ended since may be undone in the next one."""
        if (window := self._windows.get(key)) is not None:
            window.used = max(window.used - cost, 0)

    def remaining(self, key: Hashable) -> int:
        """Return how much more is admitted in the key's window."""
        return max(self.amount - self._used(key), 0)

    def reset_s(self, key: Hashable) -> int:
        """Return the seconds until the key's window ends, at least 1."""
        window = self._windows.get(key)
        left_s = 0.0 if window is None else window.ends_at_s - self._clock_s()
        return max(math.ceil(left_s), 1)

    def __contains__(self, key: Hashable) -> bool:
        self._drop_ended()
        return key in self._windows

    def __len__(self) -> int:
        self._drop_ended()
        return len(self._windows)

    def _used(self, key: Hashable) -> int:
        window = self._windows.get(key)
        return 0 if window is None or window.ends_at_s <= self._clock_s() else window.used

    def _drop_ended(self) -> None:
        now_s = self._clock_s()
        while self._windows:
            oldest, window = next(iter(self._windows.items()))
            if window.ends_at_s > now_s:
                return
            del self._windows[oldest]
