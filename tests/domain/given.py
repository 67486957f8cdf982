"""Given what happened, when something is decided, then these facts follow. In memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from eventsourcing.domain import Aggregate
from eventsourcing.utils import get_topic

from domain.core.aggregate import AggregateRoot, DomainEvent
from eventlog.codec import Codec
from tests.domain.event_examples import EXAMPLES

AnyAggregate = TypeVar("AnyAggregate", bound=AggregateRoot)
Answer = TypeVar("Answer")

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
AGGREGATE_ID = UUID("11111111-1111-4111-8111-111111111111")

_codec = Codec()


def moment(seconds: int) -> datetime:
    """Our clock, so many seconds after the first fact of every stream."""
    return START + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Happened:
    """A fact, named by its class and by the fields that matter to a test."""

    kind: type[DomainEvent]
    facts: dict[str, object]

    def as_event(self, root: type[AggregateRoot], *, version: int, seconds: int) -> DomainEvent:
        """Make the whole event; fields that were not named are those of the examples."""
        facts: dict[str, Any] = EXAMPLES[self.kind] | self.facts
        if issubclass(self.kind, Aggregate.Created):
            facts |= {"originator_topic": get_topic(root)}
        return self.kind(
            originator_id=AGGREGATE_ID,
            originator_version=version,
            timestamp=moment(seconds),
            **facts,
        )

    def differences(self, event: DomainEvent) -> dict[str, object]:
        """Return the named fields that the event has otherwise."""
        return {
            name: getattr(event, name)
            for name, wanted in self.facts.items()
            if getattr(event, name) != wanted
        }


def happened(kind: type[DomainEvent], /, **facts: object) -> Happened:
    """Name a fact and the fields that matter."""
    return Happened(kind, facts)


def stream_of(root: type[AggregateRoot], *facts: Happened) -> list[DomainEvent]:
    """Make a stream, one fact per second."""
    return [
        fact.as_event(root, version=index + 1, seconds=index) for index, fact in enumerate(facts)
    ]


def rebuilt(stream: Sequence[DomainEvent]) -> AggregateRoot:
    """Read a stream as the log gives it back: encoded, decoded and replayed."""
    root: Any = None
    for event in stream:
        root = cast("DomainEvent", _codec.decode(_codec.encode(event))).mutate(root)
    assert isinstance(root, AggregateRoot)
    return root


class Given(Generic[AnyAggregate]):
    """An aggregate to which these facts have happened; `recorded` is its whole stream so far."""

    def __init__(self, kind: type[AnyAggregate], *facts: Happened) -> None:
        self.recorded = stream_of(kind, *facts)
        root: Any = None
        for event in self.recorded:
            root = event.mutate(root)
        self.root: AnyAggregate = root

    @classmethod
    def made(cls, root: AnyAggregate) -> Given[AnyAggregate]:
        """Begin with an aggregate that a command has just made."""
        created = cls.__new__(cls)
        created.recorded, created.root = [], root
        return created

    def when(self, decide: Callable[[AnyAggregate], Answer]) -> Decided[AnyAggregate, Answer]:
        """Run a decision of the aggregate; exceptions reach the test."""
        answer = decide(self.root)
        new = [cast("DomainEvent", event) for event in self.root.collect_events()]
        self.recorded = [*self.recorded, *new]
        assert rebuilt(self.recorded) == self.root, "a replay must give what was decided upon"
        return Decided(self, new, answer)


class Decided(Generic[AnyAggregate, Answer]):
    """Result of a decision."""

    def __init__(self, given: Given[AnyAggregate], new: list[DomainEvent], answer: Answer) -> None:
        self.given = given
        self.new = new
        self.answer = answer

    def then(self, *expected: Happened) -> Decided[AnyAggregate, Answer]:
        """Require exactly these facts, in this order; none where nothing is given."""
        kinds = [type(event).__name__ for event in self.new]
        assert kinds == [fact.kind.__name__ for fact in expected]
        for fact, event in zip(expected, self.new, strict=True):
            assert fact.differences(event) == {}, f"{type(event).__name__} says otherwise"
        return self

    def answering(self, expected: Answer) -> Decided[AnyAggregate, Answer]:
        """Require what the decision returned."""
        assert self.answer == expected
        return self

    def showing(self, **expected: object) -> Decided[AnyAggregate, Answer]:
        """Require what can be seen of the aggregate, or of its view where it has one."""
        seen = getattr(self.given.root, "view", self.given.root)
        assert {name: getattr(seen, name) for name in expected} == expected
        return self

    def when(self, decide: Callable[[AnyAggregate], Any]) -> Decided[AnyAggregate, Any]:
        """Go on with the next decision."""
        return self.given.when(decide)


def fields_of(kind: type[DomainEvent]) -> set[str]:
    """Name the fields of an event class."""
    return {field.name for field in dataclasses.fields(cast("Any", kind))}
