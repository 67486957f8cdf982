"""Drift: a difference between what was known and what a provider has, found by reconciliation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.core.aggregate import AggregateRoot, DomainEvent
from domain.reconciliation.compare import Difference


@dataclass(frozen=True, kw_only=True)
class DriftedObject:
    """The provider's object that differed. `subject_id`: our aggregate, where there is one."""

    app_id: UUID
    connection: str
    connection_id: UUID
    provider: str
    mode: str
    object_type: str
    object_id: str
    subject_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """The part of reconciliation that found a change: `event_catch_up`, `open_items`, `audit`.

    `since`: the time of the change by the provider's clock, in Unix seconds, where it is known.
    """

    found_by: str
    since: int | None = None


class DriftEvent(DomainEvent):
    """Base class of the events of a difference."""


class DriftDetected(DriftEvent, Aggregate.Created):
    """A field of a provider's object differed from what was known; fields as in Difference.

    `found_by`, `since`: as in Discovery. `reason`: why it could not be applied at once.
    """

    TOPIC: ClassVar[str] = "drift.detected"
    app_id: UUID
    connection: str
    connection_id: UUID
    provider: str
    mode: str
    object_type: str
    object_id: str
    subject_id: UUID | None
    field: str
    ours: str | None
    theirs: str | None
    since: int | None
    found_by: str
    reason: str | None


class DriftResolved(DriftEvent):
    """The provider's value is recorded: ours and theirs are equal."""

    TOPIC: ClassVar[str] = "drift.resolved"
    app_id: UUID


class DriftReopened(DriftEvent):
    """The provider's object could once more not be applied; fields as in DriftDetected."""

    TOPIC: ClassVar[str] = "drift.reopened"
    app_id: UUID
    theirs: str | None
    since: int | None
    found_by: str
    reason: str


class Drift(AggregateRoot):
    """A difference, from its detection until our value equals the provider's."""

    TOPIC: ClassVar[str] = "drift"
    Event = DriftEvent
    Created = DriftDetected

    detected: DriftDetected
    is_resolved: bool

    def __init__(self) -> None:
        """Accept no arguments: the library would require the annotated fields."""

    @classmethod
    def detect(
        cls,
        drift_id: UUID,
        difference: Difference,
        drifted: DriftedObject,
        *,
        found_by: str,
        actor: str,
        occurred_at: datetime,
        reason: str | None = None,
    ) -> Drift:
        """Record a difference."""
        return cls._create(
            DriftDetected,
            id=drift_id,
            timestamp=occurred_at,
            actor=actor,
            **asdict(drifted),
            **asdict(difference),
            found_by=found_by,
            reason=reason,
        )

    def reopen(
        self,
        difference: Difference,
        *,
        found_by: str,
        reason: str,
        actor: str,
        occurred_at: datetime,
    ) -> None:
        """Record that the object could once more not be applied; none while it is open."""
        if self.is_resolved:
            self.record_event(
                DriftReopened,
                occurred_at=occurred_at,
                actor=actor,
                app_id=self.detected.app_id,
                theirs=difference.theirs,
                since=difference.since,
                found_by=found_by,
                reason=reason,
            )

    def resolve(self, *, actor: str, occurred_at: datetime) -> None:
        """Record that the values are equal; a repetition has no effect."""
        if not self.is_resolved:
            self.record_event(
                DriftResolved, occurred_at=occurred_at, actor=actor, app_id=self.detected.app_id
            )

    def apply_event(self, event: DriftEvent) -> None:
        """Assign the fields of an event; runs again on every replay."""
        match event:
            case DriftDetected():
                self.detected, self.is_resolved = event, False
            case DriftResolved():
                self.is_resolved = True
            case DriftReopened():
                self.is_resolved = False
