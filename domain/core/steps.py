"""Records of the steps that call a provider, shared by all aggregates that have steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self, get_type_hints
from uuid import UUID


@dataclass(slots=True)
class StepRecord:
    """The first call of a step's attempt: its time, idempotency key and looked-up parameters."""

    step: str
    attempt: int
    key: str
    started_at: datetime
    plan: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StepPlan:
    """The parameters of a step's call that were looked up before it: one subclass a kind of step.

    Fields are texts or integers. Events hold them as texts, without those that are None.
    """

    @classmethod
    def of(cls, record: StepRecord) -> Self:
        """Read the plan of a recorded step; fields of later versions are left out."""
        kinds = get_type_hints(cls)
        return cls(
            **{
                name: int(text) if kinds[name] is int else text
                for name, text in record.plan.items()
                if name in kinds
            }
        )

    def to_fields(self) -> dict[str, str]:
        """Return the plan as an event holds it."""
        return {name: str(value) for name, value in vars(self).items() if value is not None}


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
