"""The one fold of an inbox's entry: what became of a provider event."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from domain.inbox.provider_event import (
    DeliveryEvent,
    ProviderEventApplied,
    ProviderEventParked,
    ProviderEventReceived,
    ProviderEventReplayRequested,
)

RECEIVED: Final = "received"
APPLIED: Final = "applied"
PARKED: Final = "parked"
DEAD: Final = "dead"
STATES: Final = (RECEIVED, APPLIED, PARKED, DEAD)

# What may end the wait for what comes of a replay; `has_ended` tells whether it does.
ENDING_TOPICS: Final = (ProviderEventApplied.TOPIC, ProviderEventParked.TOPIC)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """A provider event as folded up to its event number `version`.

    `state`: received (to be applied now, also again where a replay was asked for), applied, parked
    (the provider will be asked), dead (left to an operator); `reason` says why it is parked or
    dead. `invoice_id` is the invoice that it did something to, before that the one that its
    metadata names. `effects`: of the last time that it was applied. `body` is its payload's hash.
    """

    id: UUID
    app_id: UUID
    connection: str
    provider: str
    mode: str
    provider_event_id: str
    type: str
    object_type: str
    object_id: str
    invoice_id: UUID | None
    occurred_at: datetime
    received_at: datetime
    updated_at: datetime
    body: str
    version: int
    state: str = RECEIVED
    reason: str | None = None
    effects: list[dict[str, str]]
    times_applied: int = 0
    times_parked: int = 0
    times_replayed: int = 0


def fold(view: DeliveryView | None, event: DeliveryEvent) -> DeliveryView:
    """Apply the stream's next event."""
    if isinstance(event, ProviderEventReceived):
        return _received(event)
    assert view is not None, "an entry begins with what was received"  # noqa: S101 - STYLE: assert what must hold
    view = replace(view, updated_at=event.timestamp, version=event.originator_version)
    match event:
        case ProviderEventApplied():
            return replace(
                view,
                state=APPLIED,
                reason=None,
                effects=event.effects,
                invoice_id=_invoice_of(event) or view.invoice_id,
                times_applied=view.times_applied + 1,
            )
        case ProviderEventParked():
            return replace(
                view,
                state=PARKED if event.retry else DEAD,
                reason=event.reason,
                times_parked=view.times_parked + 1,
            )
        case ProviderEventReplayRequested():
            return replace(
                view, state=RECEIVED, reason=None, times_replayed=view.times_replayed + 1
            )
    return view


def has_ended(event: DeliveryEvent) -> bool:
    """Return whether nothing more will be done until somebody asks for a replay."""
    return isinstance(event, ProviderEventApplied) or (
        isinstance(event, ProviderEventParked) and not event.retry
    )


def _received(event: ProviderEventReceived) -> DeliveryView:
    return DeliveryView(
        id=event.originator_id,
        app_id=event.app_id,
        connection=event.connection,
        provider=event.provider,
        mode=event.mode,
        provider_event_id=event.provider_event_id,
        type=event.type,
        object_type=event.object_type,
        object_id=event.object_id,
        invoice_id=event.invoice_id,
        occurred_at=datetime.fromtimestamp(event.occurred_at, UTC),
        received_at=event.timestamp,
        updated_at=event.timestamp,
        body=event.body,
        version=event.originator_version,
        effects=[],
    )


def _invoice_of(event: ProviderEventApplied) -> UUID | None:
    """Name the first invoice that it did something to."""
    named = next((entry["invoice"] for entry in event.effects if "invoice" in entry), None)
    return None if named is None else UUID(named)
