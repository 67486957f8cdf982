"""Limits of the group commit."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CommitLimits:
    """Limits of a batch and of its waits.

    `deadline_s`: the longest wait of an append. `outage_s`: how long the database may be away or
    read-only before appends fail at once; one attempt at a time then tries it on.
    `answer_timeout_s`: how long a batch, or a query of streams by their ids, may have no answer
    before its session is replaced. `gather_s`: how long a batch waits for one more append, where
    batches of several are usual.
    """

    events_per_batch: int = 500
    bytes_per_batch: int = 4 * 1024 * 1024
    queued_appends: int = 10_000
    deadline_s: float = 10
    outage_s: float = 5
    answer_timeout_s: float = 5
    gather_s: float = 0


DEFAULT_LIMITS = CommitLimits()
