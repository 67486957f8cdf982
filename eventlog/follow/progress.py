"""Progress of a leading follower."""

import math
from dataclasses import dataclass
from typing import Final

_REST_PER_WORK: Final = 2
_LONGEST_REST_S: Final = 0.05


@dataclass
class Progress:
    """Progress of a leading follower: stored and read positions, the log's head, batch limit."""

    stored: int
    seen: int
    head: int
    limit: int = 1
    """Most events of a batch."""
    careful_until: int = 0
    """Up to here batches are smaller: one of the events failed."""
    careful_limit: int = 1
    """Most events of such a batch."""
    failures: int = 0
    stored_at_s: float = 0
    read_at_s: float = 0
    waiting_from_s: float | None = None
    """Since when there are events, all of them of deferred topics, that wait for others."""
    handled_at_s: float = -math.inf
    """When the last batch was handled."""
    took_s: float = 0
    """How long the last batch took."""

    @property
    def next_limit(self) -> int:
        """Most events of the next batch."""
        is_careful = self.seen < self.careful_until
        return min(self.limit, self.careful_limit) if is_careful else self.limit

    def failed(self, events: int, *, through: int, was_slow: bool) -> None:
        """Look for the event that failed, in halves of its batch; behind it, go on as before.

        Each half of a batch that took too long might take as long again: its events go one by one.
        """
        self.careful_until = through
        self.careful_limit = 1 if was_slow else max(1, events // 2)

    def handled(self, through: int, *, from_s: float, until_s: float, batch: int) -> None:
        """Go on behind a batch that was written in that time; the next may be twice as large."""
        self.stored = self.seen = through
        self.handled_at_s, self.took_s = until_s, until_s - from_s
        self.failures = 0
        self.limit = min(2 * self.limit, batch)

    def deferred_until_s(self, *, defer_s: float, between_s: float) -> float:
        """Return when events that wait for others are handled without them.

        After a quiet moment that is `defer_s` later, else `between_s` after the last batch.
        """
        waiting_from_s = self.read_at_s if self.waiting_from_s is None else self.waiting_from_s
        return max(waiting_from_s + defer_s, self.handled_at_s + between_s)

    def rest_until_s(self, *, between_s: float) -> float:
        """Return when the log is to be read again: `between_s` after it was read last, or later.

        Batches that take long, on a busy machine, follow each other less often, so that each of
        them has more events: a follower is at work for a third of the time at most.
        """
        rest_s = min(_REST_PER_WORK * self.took_s, _LONGEST_REST_S)
        return max(self.read_at_s + between_s, self.handled_at_s + rest_s)
