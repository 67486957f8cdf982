"""Record differences that reconciliation found and that could not be applied: dead letters.

They stay open until an update of the same object is applied. Objects of other apps, and payments
that belong to no invoice, are none of ours, so that nothing differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.core import ids
from domain.core.aggregate import AggregateRoot
from domain.core.store import Store
from domain.inbox.payment_hint import PaymentHintReceived
from domain.inbox.provider_event import ProviderEvent, ProviderEventReceived
from domain.reconciliation.compare import OBJECT, Difference, bounded
from domain.reconciliation.comparison import ACTOR
from domain.reconciliation.drift import Discovery, Drift, DriftedObject

ReceivedUpdate = ProviderEventReceived | PaymentHintReceived

BELONGS_TO_NONE: Final = "its object belongs to no invoice"
NOT_REQUESTED_HERE: Final = "it belongs to no object that was requested here"
_NOT_OURS: Final = ("belongs elsewhere", "wrong mode", BELONGS_TO_NONE, NOT_REQUESTED_HERE)


def discovery_of(received: ReceivedUpdate, *, found_by: str | None = None) -> Discovery | None:
    """Return the part of reconciliation that found an update; None for a webhook.

    A listed event has the time of the change; other parts find an object as it is now.
    `found_by`: of a later hint at the same payment.
    """
    match received:
        case ProviderEventReceived(found_by="event_catch_up"):
            return Discovery(found_by="event_catch_up", since=received.occurred_at)
        case ProviderEventReceived():
            found_by = received.found_by
    return None if found_by is None else Discovery(found_by=found_by)


def drift_id_of(received: ReceivedUpdate) -> UUID:
    """Return the id of the difference that an object is that could not be applied."""
    return ids.for_unapplied_drift(received.connection_id, received.mode, _object_id(received))


def record_unapplied(
    known: Drift | None,
    received: ReceivedUpdate,
    discovery: Discovery | None,
    *,
    reason: str,
    occurred_at: datetime,
) -> Sequence[Drift]:
    """Open the difference of an object that could not be applied; return what is to be saved."""
    if discovery is None or reason.startswith(_NOT_OURS):
        return ()
    kind = received.type if isinstance(received, ProviderEventReceived) else "payment"
    found = Difference(field=OBJECT, ours=None, theirs=bounded(kind), since=discovery.since)
    if known is not None:
        known.reopen(
            found,
            found_by=discovery.found_by,
            reason=bounded(reason),
            actor=ACTOR,
            occurred_at=occurred_at,
        )
        return [known]
    return [
        Drift.detect(
            drift_id_of(received),
            found,
            _described(received),
            found_by=discovery.found_by,
            reason=bounded(reason),
            actor=ACTOR,
            occurred_at=occurred_at,
        )
    ]


def record_applied(known: Drift | None, *, actor: str, occurred_at: datetime) -> Sequence[Drift]:
    """Resolve an open difference once an update of its object is applied."""
    if known is None or known.is_resolved:
        return ()
    known.resolve(actor=actor, occurred_at=occurred_at)
    return [known]


def park(
    store: Store, event_id: UUID, reason: str, *, retry: bool, occurred_at: datetime, actor: str
) -> None:
    """Park a provider event, and open the difference if reconciliation found it."""
    received = store.get(ProviderEvent, event_id).received

    def opened() -> Sequence[AggregateRoot]:
        if retry:
            return ()
        return record_unapplied(
            store.find(Drift, drift_id_of(received)),
            received,
            discovery_of(received),
            reason=reason,
            occurred_at=occurred_at,
        )

    store.change(
        ProviderEvent,
        event_id,
        lambda known: known.park(reason, retry=retry, occurred_at=occurred_at, actor=actor),
        also_save=opened,
    )


def mark_applied(
    store: Store,
    event_id: UUID,
    effects: list[dict[str, str]],
    *,
    occurred_at: datetime,
    actor: str,
) -> None:
    """Mark a provider event as applied, and resolve its object's open difference."""
    received = store.get(ProviderEvent, event_id).received

    def resolved() -> Sequence[AggregateRoot]:
        known = store.find(Drift, drift_id_of(received))
        return record_applied(known, actor=actor, occurred_at=occurred_at)

    store.change(
        ProviderEvent,
        event_id,
        lambda known: known.record_applied(effects, occurred_at=occurred_at, actor=actor),
        also_save=resolved,
    )


def _object_id(received: ReceivedUpdate) -> str:
    match received:
        case ProviderEventReceived():
            return received.object_id
        case PaymentHintReceived():
            return received.payment_id


def _described(received: ReceivedUpdate) -> DriftedObject:
    kind = received.object_type if isinstance(received, ProviderEventReceived) else "payment"
    return DriftedObject(
        app_id=received.app_id,
        connection=received.connection,
        connection_id=received.connection_id,
        provider=received.provider,
        mode=received.mode,
        object_type=bounded(kind),
        object_id=bounded(_object_id(received)),
        subject_id=None,
    )
