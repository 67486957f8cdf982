"""What every event and aggregate of ours has in common."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from eventsourcing.domain import Aggregate
from eventsourcing.utils import register_topic


class DomainEvent(Aggregate.Event):
    """Something that happened. Its topic is written by hand, so that code can move freely.

    `by` says who caused it: `key:<id>`, `worker`, `webhook:<provider event>`, `operator`,
    `reconciliation`.
    """

    TOPIC: ClassVar[str]
    actor: str

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        topic = cls.__dict__.get("TOPIC")
        if topic is not None:
            register_topic(topic, cls)

    def apply(self, aggregate: Any) -> None:  # noqa: ANN401 - eventsourcing's signature
        """Let the aggregate take the fact in; the same on every replay."""
        aggregate.apply_event(self)


class AggregateRoot(Aggregate):
    """An aggregate whose events never run backwards in time."""

    def record_event(self, fact: type[DomainEvent], *, occurred_at: datetime, **facts: Any) -> None:  # noqa: ANN401 - the event class checks its own fields
        """Append `fact`, no earlier than the event before it (clocks of processes differ)."""
        self.trigger_event(fact, timestamp=max(occurred_at, self.modified_on), **facts)
