"""Records of the steps that call a provider, shared by all aggregates that have steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID


@dataclass(slots=True)
class StepRecord:
    """The first call of a step's attempt: its time, idempotency key and looked-up parameters."""

    step: str
    attempt: int
    key: str
    started_at: datetime
    plan: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GaveUp:
    """A step that used up its attempts and waits for an operator."""

    step: str
    attempts: int
    last_error: str


def step_key(aggregate_id: UUID, step: str, attempt: int) -> str:
    """Return the provider's idempotency key of a step's attempt, equal on every repetition."""
    return f"billhook:{aggregate_id}:{step}:{attempt}"


def step_age(steps: Mapping[str, StepRecord], step: str, *, now: datetime) -> timedelta:
    """Return the time since a step's first call; zero for a step that was never started."""
    record = steps.get(step)
    return timedelta(0) if record is None else now - record.started_at
