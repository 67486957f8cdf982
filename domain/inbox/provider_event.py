"""Provider events: one webhook delivery (or one found by reconciliation), stored once."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.core.aggregate import AggregateRoot, DomainEvent
from domain.inbox.commands import ReceiveProviderEvent

# The type of an entry that reconciliation makes of an object, where no event of the provider's
# reports the change. Its object is fetched.
DIFFERENCE_FOUND: Final = "reconciliation.difference"


class DeliveryEvent(DomainEvent):
    """Base class of a provider event's events."""


class ProviderEventReceived(DeliveryEvent, Aggregate.Created):
    """A delivery was verified and stored. `invoice_id` is what its metadata claims: a hint.

    `found_by`: the part of reconciliation that found the event; None for a webhook.
    """

    TOPIC: ClassVar[str] = "provider_event.received"
    app_id: UUID
    connection_id: UUID
    connection: str
    provider: str
    mode: str
    provider_event_id: str
    type: str
    object_type: str
    object_id: str
    invoice_id: UUID | None
    occurred_at: int
    body: str
    found_by: str | None = None


class ProviderEventApplied(DeliveryEvent):
    """The event was applied.

    `effects`: {invoice: id, effect: changed|confirmed|stale|deferred|…} of each invoice.
    """

    TOPIC: ClassVar[str] = "provider_event.applied"
    type: str
    provider_event_id: str
    effects: list[dict[str, str]]
    app_id: UUID | None = None


class ProviderEventParked(DeliveryEvent):
    """The event could not be applied; `retry`: whether it will be tried again.

    `found_by`: as in ProviderEventReceived.
    """

    TOPIC: ClassVar[str] = "provider_event.parked"
    app_id: UUID
    reason: str
    retry: bool
    found_by: str | None = None


class ProviderEventReplayRequested(DeliveryEvent):
    """A replay was requested, in any state; `request_id` identifies the request."""

    TOPIC: ClassVar[str] = "provider_event.replay_requested"
    app_id: UUID
    request_id: UUID


class ProviderEvent(AggregateRoot):
    """The inbox's entry for one provider event.

    `due`: it is to be applied by who follows the log. `applied`: it was, since it was last due.
    """

    TOPIC: ClassVar[str] = "provider_event"
    Event = DeliveryEvent
    Created = ProviderEventReceived

    received: ProviderEventReceived
    due: bool
    applied: bool
    parked: int

    def __init__(self) -> None:
        self.due = True
        self.applied = False
        self.parked = 0

    @classmethod
    def receive(cls, command: ReceiveProviderEvent, *, occurred_at: datetime) -> ProviderEvent:
        """Store a verified delivery."""
        facts = {name: value for name, value in vars(command).items() if name != "event_id"}
        return cls._create(
            ProviderEventReceived, id=command.event_id, timestamp=occurred_at, **facts
        )

    @classmethod
    def received_event(
        cls, command: ReceiveProviderEvent, *, occurred_at: datetime
    ) -> ProviderEventReceived:
        """Return the event that `receive` records, without the aggregate, which takes longer.

        Its fields are set as on a replay: the constructor of a frozen class sets each by a call.
        """
        facts = dict(vars(command))
        event = object.__new__(ProviderEventReceived)
        event.__dict__.update(
            originator_id=facts.pop("event_id"),
            originator_version=cls.INITIAL_VERSION,
            originator_topic=cls.TOPIC,
            timestamp=occurred_at,
            **facts,
        )
        return event

    def record_applied(
        self, effects: list[dict[str, str]], *, occurred_at: datetime, actor: str
    ) -> None:
        """Close the entry; twice is silent, unless a replay was asked for in between."""
        if not self.applied:
            self.record_event(
                ProviderEventApplied,
                occurred_at=occurred_at,
                actor=actor,
                type=self.received.type,
                provider_event_id=self.received.provider_event_id,
                effects=effects,
                app_id=self.received.app_id,
            )

    def park(self, reason: str, *, retry: bool, occurred_at: datetime, actor: str) -> None:
        """Park the event with a reason; an applied event stays applied."""
        if not self.applied:
            self.record_event(
                ProviderEventParked,
                occurred_at=occurred_at,
                actor=actor,
                app_id=self.received.app_id,
                reason=reason,
                retry=retry,
                found_by=self.received.found_by,
            )

    def request_replay(self, request_id: UUID, *, occurred_at: datetime, actor: str) -> None:
        """Request a replay. Each request is recorded with its actor."""
        self.record_event(
            ProviderEventReplayRequested,
            occurred_at=occurred_at,
            actor=actor,
            app_id=self.received.app_id,
            request_id=request_id,
        )

    def apply_event(self, event: DeliveryEvent) -> None:
        """Assign the fields of an event; runs again on every replay."""
        match event:
            case ProviderEventReceived():
                self.received = event
            case ProviderEventApplied():
                self.due, self.applied = False, True
            case ProviderEventParked():
                self.due = False
                self.parked += 1
            case ProviderEventReplayRequested():
                self.due, self.applied = True, False
