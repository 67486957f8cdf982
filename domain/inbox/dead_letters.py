"""Dead letters: which ones are tried again by schedule, and replays of several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from domain.core.store import Store
from domain.inbox.provider_event import ProviderEvent

# The beginnings of reasons that may pass: an object that is not known here yet, and a provider
# that was away for longer than a job is retried. All others wait for an operator.
PASSING_REASONS: Final = (
    "unknown invoice",
    "unknown setup of a payment method",
    "GatewayUnavailable",
)
MOST_RETRIES: Final = 8
FIRST_RETRY_AFTER_S: Final = 300
"""Each further retry waits twice as long: the last one comes 21 hours after the first failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A dead letter in the read model, as of its event number `version`."""

    id: UUID
    version: int


def replay_dead_letters(
    store: Store, letters: Iterable[DeadLetter], *, actor: str, occurred_at: datetime
) -> int:
    """Request a replay of each dead letter that is unchanged; return how many were requested.

    Raises StaleWrite.
    """
    return sum(_replay(store, letter, actor=actor, occurred_at=occurred_at) for letter in letters)


def _replay(store: Store, letter: DeadLetter, *, actor: str, occurred_at: datetime) -> bool:
    is_unchanged = False

    def decide(known: ProviderEvent) -> None:
        nonlocal is_unchanged
        is_unchanged = known.version == letter.version
        if is_unchanged:
            known.request_replay(uuid4(), occurred_at=occurred_at, actor=actor)

    store.change(ProviderEvent, letter.id, decide)
    return is_unchanged
