"""Progress of a leading follower."""

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
