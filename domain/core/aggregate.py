"""Base classes of all events and aggregates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from eventsourcing.domain import Aggregate
from eventsourcing.utils import register_topic


class DomainEvent(Aggregate.Event):
    """A recorded event. Topics are written by hand, so that modules can move.

    `actor` caused it: `key:<id>`, `session:<id>` (a person's), `worker`,
    `webhook:<provider event>`, `operator`, `reconciliation`.
    """

    TOPIC: ClassVar[str]
    actor: str

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        topic = cls.__dict__.get("TOPIC")
        if topic is not None:
            register_topic(topic, cls)

    def apply(self, aggregate: Any) -> None:  # noqa: ANN401 - eventsourcing's signature
        """Apply the event to its aggregate, on the first run as on every replay."""
        aggregate.apply_event(self)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that was decided upon but not recorded yet: its class and its own fields."""

    kind: type[DomainEvent]
    fields: dict[str, Any]


class AggregateRoot(Aggregate):
    """An aggregate with event times that never decrease."""

    def record_event(
        self,
        kind: type[DomainEvent],
        /,
        *,
        occurred_at: datetime,
        **fields: Any,  # noqa: ANN401 - the event class checks its own fields
    ) -> None:
        """Append an event, no earlier than its predecessor (clocks of processes differ)."""
        self.trigger_event(kind, timestamp=max(occurred_at, self.modified_on), **fields)

    def record_events(
        self, events: Iterable[NewEvent], *, actor: str, occurred_at: datetime
    ) -> None:
        """Append events that were decided upon, in order."""
        for event in events:
            self.record_event(event.kind, actor=actor, occurred_at=occurred_at, **event.fields)
