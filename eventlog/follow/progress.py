"""Progress of a leading follower."""

import math
from dataclasses import dataclass


@dataclass
class Progress:
    """Progress of a leading follower: stored and read positions, the log's head, batch limit."""

    stored: int
    seen: int
    head: int
    limit: int = 1
    """Most events of the next batch."""
    careful_until: int = 0
    """Up to here events go one by one: one of them failed."""
    failures: int = 0
    stored_at_s: float = 0
    read_at_s: float = 0
    waiting_from_s: float | None = None
    """Since when there are events, all of them of deferred topics, that wait for others."""
    handled_at_s: float = -math.inf
    """When the last batch was handled."""

    def deferred_until_s(self, *, defer_s: float, between_s: float) -> float:
        """Return when events that wait for others are handled without them.

        After a quiet moment that is `defer_s` later, else `between_s` after the last batch.
        """
        waiting_from_s = self.read_at_s if self.waiting_from_s is None else self.waiting_from_s
        return max(waiting_from_s + defer_s, self.handled_at_s + between_s)
