"""Record that an operator had a follower skip an event that it can't handle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from eventsourcing.domain import Aggregate

from domain.core import ids
from domain.core.aggregate import AggregateRoot, DomainEvent


@dataclass(frozen=True, kw_only=True)
class SkipEvent:
    """Have `follower` go past the event at `position`, for the `reason` that the operator gives."""

    follower: str
    position: int
    reason: str
    actor: str


class SkippedEventEvent(DomainEvent):
    """Base of the events of one skip."""


class FollowerEventSkipped(SkippedEventEvent, Aggregate.Created):
    """A follower goes past the event at `position` without handling it."""

    TOPIC: ClassVar[str] = "follower.event_skipped"
    follower: str
    position: int
    reason: str


class SkippedEvent(AggregateRoot):
    """An event that a follower skips."""

    TOPIC: ClassVar[str] = "skipped_event"
    Event = SkippedEventEvent
    Created = FollowerEventSkipped

    follower: str
    position: int
    reason: str

    def __init__(self) -> None:
        """Accept no arguments: the library would require the annotated fields."""

    @classmethod
    def create(cls, command: SkipEvent, *, occurred_at: datetime) -> SkippedEvent:
        """Record a skip; its id follows from follower and position."""
        return cls._create(
            FollowerEventSkipped,
            id=ids.for_skipped_event(command.follower, command.position),
            timestamp=occurred_at,
            actor=command.actor,
            follower=command.follower,
            position=command.position,
            reason=command.reason,
        )

    def apply_event(self, event: SkippedEventEvent) -> None:
        """Assign the fields of the event; runs again on every replay."""
        match event:
            case FollowerEventSkipped():
                self.follower, self.position = event.follower, event.position
                self.reason = event.reason
