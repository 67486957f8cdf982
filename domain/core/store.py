"""The one write path: load an aggregate, decide, save; decide again after a conflicting write."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, cast, runtime_checkable
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import IntegrityError, Recording, StoredEvent
from eventsourcing.utils import EnvType

from domain.core.aggregate import AggregateRoot, DomainEvent
from domain.core.errors import IdOfOtherKind, NotFound, StaleWrite
from domain.core.snapshots import Snapshots

AnyAggregate = TypeVar("AnyAggregate", bound=AggregateRoot)
Bodies = Sequence[Any]

# Each conflict is another writer's success: webhooks of an invoice come in bursts of some seven.
_TRIES = 8


@runtime_checkable
class StreamsRecorder(Protocol):
    """A recorder that reads several streams by one query."""

    def select_streams(self, streams: Collection[UUID]) -> Mapping[UUID, Sequence[StoredEvent]]:
        """Read whole streams; one without events has none."""


class Store(Application[UUID]):
    """Loads and saves the aggregates of the log that `env` names.

    `env`: eventsourcing's settings; `PERSISTENCE_MODULE` names the recorder. The recorder
    stores `bodies` in the same transaction as the events.
    """

    def __init__(self, env: EnvType | None = None, *, snapshots: Snapshots | None = None) -> None:
        """Open the log that `env` names."""
        super().__init__(env)
        self._states = _States()
        # Found out once: it is a slow check.
        reads_streams = isinstance(self.recorder, StreamsRecorder)
        self._streams_recorder = cast("StreamsRecorder", self.recorder) if reads_streams else None
        self._snapshots = snapshots or Snapshots()

    @contextmanager
    def reusing_states(self, *kinds: type[AggregateRoot]) -> Iterator[None]:
        """Read an aggregate of these kinds once within the block, and keep its saved changes.

        For a job that works on its aggregates alone, as a rule: another writer's event makes the
        next append conflict, and the aggregate is then read again, as it is before a decision that
        nothing is to be recorded. `get` returns the kept aggregate itself, which later changes
        alter: read what a change may alter before it, or from the aggregate that it returns.
        """
        self._states.start(kinds)
        try:
            yield
        finally:
            self._states.start(())

    def read_ahead(self, streams: Collection[UUID]) -> None:
        """Read aggregates by one query, for the first `get` of each in a `reusing_states` block.

        Those of long streams, and all of a recorder that cannot do it, are read by `get`.
        """
        if self._streams_recorder is None:
            return
        wanted = [stream for stream in streams if self._snapshots.find(stream) is None]
        for stored in self._streams_recorder.select_streams(wanted).values():
            found: Any = None
            for event in stored:
                found = self.mapper.to_domain_event(event).mutate(found)  # type: ignore[attr-defined] # of an aggregate
            self._snapshots.keep(found)
            self._states.keep_once(found)

    def get(self, kind: type[AnyAggregate], aggregate_id: UUID) -> AnyAggregate:
        """Load an aggregate. Raises NotFound."""
        found = self.find(kind, aggregate_id)
        if found is None:
            raise NotFound(kind=kind.__name__.lower(), id=aggregate_id)
        return found

    def find(self, kind: type[AnyAggregate], aggregate_id: UUID) -> AnyAggregate | None:
        """Load an aggregate; None where none of that kind exists."""
        found = self._stored(aggregate_id)
        return found if isinstance(found, kind) else None

    def _stored(self, aggregate_id: UUID) -> object:
        known = self._states.take(aggregate_id)
        if known is not None:
            return known
        found = self._after_snapshot(aggregate_id)
        if found is None:
            try:
                found = self.repository.get(aggregate_id)
            except AggregateNotFoundError:
                return None
        self._snapshots.keep(found)
        self._states.keep(found)
        return found

    def _after_snapshot(self, aggregate_id: UUID) -> object | None:
        """Fold a stream's newest events; None without a snapshot, or if the log lost its events."""
        snapshot = self._snapshots.find(aggregate_id)
        if snapshot is None:
            return None
        events = self.events.get(aggregate_id, gt=snapshot.version - 1)
        if not snapshot.is_of(cast("DomainEvent | None", next(events, None))):
            self._snapshots.drop(aggregate_id)
            return None
        found: Any = snapshot.restore()
        for event in events:
            found = event.mutate(found)  # type: ignore[attr-defined] # of an aggregate
        return cast("object", found)

    def change(
        self,
        kind: type[AnyAggregate],
        aggregate_id: UUID,
        decide: Callable[[AnyAggregate], object],
        *,
        bodies: Bodies = (),
        also_save: Callable[[], Sequence[AggregateRoot]] = tuple,
    ) -> AnyAggregate:
        """Load, decide and save; after a conflicting write decide again, up to eight times.

        `also_save` creates the aggregates to save in the same append. Raises NotFound, StaleWrite.
        """
        for _ in range(_TRIES):
            is_reused = self._states.has(aggregate_id)
            aggregate = self.get(kind, aggregate_id)
            self._states.drop(aggregate_id)  # a decision that raises may leave it half changed
            decide(aggregate)
            if aggregate.pending_events:
                if self._saved([aggregate, *also_save()], bodies):
                    return aggregate
            elif not is_reused:
                self._states.keep(aggregate)
                return aggregate
        raise StaleWrite(id=aggregate_id)

    def make(
        self, kind: type[AnyAggregate], aggregate_id: UUID, create: Callable[[], AnyAggregate]
    ) -> AnyAggregate:
        """Create an aggregate; an existing one is left unchanged."""
        return self.create_or_change(kind, aggregate_id, create, lambda _: None)

    def create_or_change(
        self,
        kind: type[AnyAggregate],
        aggregate_id: UUID,
        create: Callable[[], AnyAggregate],
        decide: Callable[[AnyAggregate], object],
        *,
        bodies: Bodies = (),
        also_save: Callable[[], Sequence[AggregateRoot]] = tuple,
    ) -> AnyAggregate:
        """Create an aggregate, or change it as `change` does. Raises IdOfOtherKind, StaleWrite."""
        for _ in range(_TRIES):
            known = self._stored(aggregate_id)
            if known is not None and not isinstance(known, kind):
                raise IdOfOtherKind(kind=kind.__name__.lower(), id=aggregate_id)
            if known is not None:
                return self.change(kind, aggregate_id, decide, bodies=bodies, also_save=also_save)
            made = create()
            if self._saved([made, *also_save()], bodies):
                return made
        raise StaleWrite(id=aggregate_id)

    def add(self, aggregate: AggregateRoot) -> None:
        """Save a new aggregate. Raises StaleWrite if another writer made it first."""
        if not self._saved([aggregate], ()):
            raise StaleWrite(id=aggregate.id)

    def save(  # type: ignore[override] # aggregates alone
        self, *aggregates: AggregateRoot, bodies: Bodies = ()
    ) -> list[Recording[UUID]]:
        """Record pending events in one append. Raises IntegrityError where another writer's came.

        The library's own `save` checks each argument against two run-time protocols, and returns
        the recorded events for its subscribers and snapshots, which there are none of here.
        """
        events = [event for aggregate in aggregates for event in aggregate.collect_events()]
        stored = [self.mapper.to_stored_event(event) for event in events]
        self.recorder.insert_events(stored, bodies=bodies)
        return []

    def _saved(self, aggregates: Sequence[AggregateRoot], bodies: Bodies) -> bool:
        for aggregate in aggregates:
            self._states.drop(aggregate.id)
        try:
            self.save(*aggregates, bodies=bodies)
        except IntegrityError:
            return False
        for aggregate in aggregates:
            self._states.keep(aggregate)
        return True


class _States(threading.local):
    """Aggregates that this thread's `reusing_states` block read or saved last, by id."""

    def __init__(self) -> None:
        self.start(())

    def start(self, kinds: tuple[type[AggregateRoot], ...]) -> None:
        """Drop all states, and keep those of these kinds from now on."""
        self._kinds = kinds
        self._by_id: dict[UUID, AggregateRoot] = {}

    def has(self, aggregate_id: UUID) -> bool:
        """Return whether an aggregate is kept."""
        return aggregate_id in self._by_id

    def take(self, aggregate_id: UUID) -> AggregateRoot | None:
        """Return a kept aggregate; one of another kind was kept for one read."""
        known = self._by_id.get(aggregate_id)
        if known is not None and not isinstance(known, self._kinds):
            del self._by_id[aggregate_id]
        return known

    def keep(self, aggregate: object) -> None:
        """Keep an aggregate without pending events, if it is of a kind to keep."""
        if isinstance(aggregate, self._kinds):
            self._by_id[aggregate.id] = aggregate

    def keep_once(self, aggregate: object) -> None:
        """Keep an aggregate that was read ahead, of any kind."""
        if isinstance(aggregate, AggregateRoot):
            self._by_id[aggregate.id] = aggregate

    def drop(self, aggregate_id: UUID) -> None:
        """Drop an aggregate, so that it is read again."""
        self._by_id.pop(aggregate_id, None)
