"""The one write path: load an aggregate, decide, save; decide again after a conflicting write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import IntegrityError

from domain.core.aggregate import AggregateRoot
from domain.core.errors import NotFound, StaleWrite

AnyAggregate = TypeVar("AnyAggregate", bound=AggregateRoot)
Bodies = Sequence[Any]

_TRIES = 3


class Store(Application[UUID]):
    """Loads and saves the aggregates of the log that `env` names.

    `env`: eventsourcing's settings; `PERSISTENCE_MODULE` names the recorder. The recorder
    stores `bodies` in the same transaction as the events.
    """

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
        try:
            return self.repository.get(aggregate_id)
        except AggregateNotFoundError:
            return None

    def change(
        self,
        kind: type[AnyAggregate],
        aggregate_id: UUID,
        decide: Callable[[AnyAggregate], object],
        *,
        bodies: Bodies = (),
        also_save: Callable[[], Sequence[AggregateRoot]] = tuple,
    ) -> AnyAggregate:
        """Load, decide and save; after a conflicting write decide again, up to three times.

        `also_save` creates the aggregates to save in the same append. Raises NotFound, StaleWrite.
        """
        for _ in range(_TRIES):
            aggregate = self.get(kind, aggregate_id)
            decide(aggregate)
            if not aggregate.pending_events or self._saved([aggregate, *also_save()], bodies):
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
        """Create an aggregate, or change the existing one as `change` does."""
        for _ in range(_TRIES):
            if self._stored(aggregate_id) is not None:
                return self.change(kind, aggregate_id, decide, bodies=bodies, also_save=also_save)
            made = create()
            if self._saved([made, *also_save()], bodies):
                return made
        raise StaleWrite(id=aggregate_id)

    def _saved(self, aggregates: Iterable[AggregateRoot], bodies: Bodies) -> bool:
        try:
            self.save(*aggregates, bodies=bodies)
        except IntegrityError:
            return False
        return True
