"""Record what differed when the follower applies provider events that reconciliation found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.core.aggregate import DomainEvent
from domain.inbox.provider_event import ProviderEvent, ProviderEventParked
from domain.reconciliation.compare import Subject
from domain.reconciliation.comparison import Comparison
from domain.reconciliation.drift import Drift
from domain.reconciliation.unapplied import (
    discovery_of,
    drift_id_of,
    record_applied,
    record_unapplied,
)
from eventlog.async_store import AsyncStore, pending_events
from eventlog.bodies import Body
from eventlog.reading import RecordedEvent


class BatchDrifts:
    """The differences of one append: what its updates heal, resolve, or leave open."""

    def __init__(
        self, store: AsyncStore, known: Mapping[UUID, Sequence[RecordedEvent]], *, now: datetime
    ) -> None:
        self._store = store
        self._known = known
        self._now = now
        self._of_objects: dict[UUID, Drift | None] = {}
        self.events: list[DomainEvent] = []

    def apply(
        self, entry: ProviderEvent, subject: Subject | None, decide: Callable[[], list[Body]]
    ) -> list[Body]:
        """Run a decision on an entry and its aggregate, and collect the events of differences."""
        bodies: list[Body] = []
        comparison = Comparison(discovery_of(entry.received), occurred_at=self._now)

        def decided(_: Any) -> None:  # noqa: ANN401 - the decision holds its aggregate
            bodies.extend(decide())

        if subject is None:
            decided(None)
        else:
            comparison.changed(decided)(subject)
        for drift in (*comparison.drifts(), *self.of_entry(entry)):
            self.events += pending_events(drift)
        return bodies

    def of_entry(self, entry: ProviderEvent) -> Sequence[Drift]:
        """Resolve the open difference of an applied entry's object; open that of a dead letter."""
        newest = entry.pending_events[-1] if entry.pending_events else None
        if not entry.applied and not (isinstance(newest, ProviderEventParked) and not newest.retry):
            return ()
        received, drift_id = entry.received, drift_id_of(entry.received)
        if drift_id not in self._of_objects:
            stream = self._known.get(drift_id, [])
            self._of_objects[drift_id] = self._store.rebuild(Drift, stream)
        drift = self._of_objects[drift_id]
        changed: Sequence[Drift]
        if isinstance(newest, ProviderEventParked):
            changed = record_unapplied(
                drift,
                received,
                discovery_of(received),
                reason=newest.reason,
                occurred_at=self._now,
            )
        else:
            actor = f"webhook:{received.provider_event_id}"
            changed = record_applied(drift, actor=actor, occurred_at=self._now)
        for one in changed:
            self._of_objects[drift_id] = one
        return changed
