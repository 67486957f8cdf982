"""`python -m tests.domain.store_event_samples`: store a sample of what no sample shows yet.

A stored sample is never written again: it is what logs hold. Add a field to an event class (with a
default or an upcaster) and to its example, then run this; the older samples must still be read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eventsourcing.domain import Aggregate
from eventsourcing.persistence import StoredEvent
from eventsourcing.utils import resolve_topic

from domain.core.aggregate import AggregateRoot, DomainEvent
from domain.events import AGGREGATES, TOPICS
from eventlog.codec import Codec
from tests.domain.given import AGGREGATE_ID, fields_of, happened

FOLDER: Final = Path(__file__).parent / "samples"
_BASE: Final = {"originator_id", "originator_version"}


@dataclass(frozen=True)
class Sample:
    """An event as a version of ours stored it."""

    topic: str
    version: int
    state: dict[str, Any]

    @property
    def kind(self) -> type[DomainEvent]:
        """Return the class that reads it."""
        kind: type[DomainEvent] = resolve_topic(self.topic)
        return kind

    def stored(self) -> StoredEvent:
        """Return it as it is read from a log."""
        state = json.dumps(self.state, separators=(",", ":"), ensure_ascii=False).encode()
        return StoredEvent(AGGREGATE_ID, self.version, self.topic, state)


def samples() -> list[Sample]:
    """Read all samples."""
    return [
        Sample(**json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(FOLDER.glob("*.json"))
    ]


def fields_shown() -> dict[str, set[str]]:
    """Name, by topic, the fields of an event class that some sample shows."""
    shown = {topic: set(_BASE) for topic in TOPICS}
    for sample in samples():
        shown[sample.topic] |= set(sample.state)
    return shown


def root_of(kind: type[DomainEvent]) -> type[AggregateRoot]:
    """Find the aggregate that an event class belongs to."""
    return next(root for root in AGGREGATES if issubclass(kind, root.Event))


def main() -> None:
    """Store what is missing."""
    FOLDER.mkdir(exist_ok=True)
    shown = fields_shown()
    for topic in TOPICS:
        kind: type[DomainEvent] = resolve_topic(topic)
        if not fields_of(kind) - {"originator_topic"} <= shown[topic]:
            version = 1 if issubclass(kind, Aggregate.Created) else 2
            event = happened(kind).as_event(root_of(kind), version=version, seconds=version)
            state = json.loads(Codec().encode(event).state)
            age = len(list(FOLDER.glob(f"{topic}.[0-9].json")))
            sample = {"topic": topic, "version": version, "state": state}
            text = json.dumps(sample, indent=2, ensure_ascii=False) + "\n"
            (FOLDER / f"{topic}.{age}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
