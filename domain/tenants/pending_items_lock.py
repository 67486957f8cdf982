"""A customer's slot: who may gather the customer's pending items now.

Two drafts that gather at once would race for the same items. An event takes the slot and says until
when, so that no lock is held during the provider's call and a dead holder is waited for no longer
than that.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.core import ids
from domain.core.aggregate import AggregateRoot, DomainEvent

SLOT_LIFE: Final = timedelta(minutes=5)
# Who begins a call must still hold the slot when the call ends.
_LONGEST_CALL: Final = timedelta(minutes=2)


class CustomerSlotEvent(DomainEvent):
    """The root of a slot's facts."""


class CustomerSlotMade(CustomerSlotEvent, Aggregate.Created):
    """A customer's items are gathered for the first time."""

    TOPIC: ClassVar[str] = "customer_slot.made"
    app_id: UUID
    connection_id: UUID
    customer: str


class CustomerSlotTaken(CustomerSlotEvent):
    """An invoice gathers until `expires_at` (Unix seconds by our clock), or until it is done."""

    TOPIC: ClassVar[str] = "customer_slot.taken"
    invoice_id: UUID
    expires_at: int


class CustomerSlotFreed(CustomerSlotEvent):
    """The invoice has what it gathered."""

    TOPIC: ClassVar[str] = "customer_slot.freed"
    invoice_id: UUID


class CustomerSlot(AggregateRoot):
    """One per connection and customer. `holder` is the invoice that gathers, None when free."""

    TOPIC: ClassVar[str] = "customer_slot"
    Event = CustomerSlotEvent
    Created = CustomerSlotMade

    holder: UUID | None
    expires_at: int

    def __init__(self) -> None:
        self.holder = None
        self.expires_at = 0

    @classmethod
    def make(
        cls, *, app_id: UUID, connection_id: UUID, customer: str, occurred_at: datetime
    ) -> CustomerSlot:
        """Make a free slot."""
        return cls._create(
            CustomerSlotMade,
            id=ids.for_customer_slot(connection_id, customer),
            timestamp=occurred_at,
            actor="worker",
            app_id=app_id,
            connection_id=connection_id,
            customer=customer,
        )

    def take(self, invoice_id: UUID, *, occurred_at: datetime) -> bool:
        """Take the slot, or keep it; tells whether the invoice holds it for long enough now."""
        now_s = int(occurred_at.timestamp())
        if self.holder not in (None, invoice_id) and now_s < self.expires_at:
            return False
        enough_s = now_s + int(_LONGEST_CALL.total_seconds())
        if self.holder != invoice_id or self.expires_at < enough_s:
            self.record_event(
                CustomerSlotTaken,
                occurred_at=occurred_at,
                actor="worker",
                invoice_id=invoice_id,
                expires_at=now_s + int(SLOT_LIFE.total_seconds()),
            )
        return True

    def free(self, invoice_id: UUID, *, occurred_at: datetime) -> None:
        """Free the slot; silent where another holds it or nobody does."""
        if self.holder == invoice_id:
            self.record_event(
                CustomerSlotFreed, occurred_at=occurred_at, actor="worker", invoice_id=invoice_id
            )

    def apply_event(self, event: CustomerSlotEvent) -> None:
        """Assign what the fact says; runs again on every replay."""
        match event:
            case CustomerSlotTaken():
                self.holder, self.expires_at = event.invoice_id, event.expires_at
            case CustomerSlotFreed():
                self.holder = None
