"""A lease on a provider customer's pending items, for the invoice that includes them.

Two drafts that include pending items at once would race for the same ones. The lease is an event
with an expiry, so that no database lock is held during the provider's call and a dead holder
blocks others only until the expiry.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.core import ids
from domain.core.aggregate import AggregateRoot, DomainEvent

LOCK_LIFETIME: Final = timedelta(minutes=5)
# The holder of the lock must still hold it when its call ends.
_LONGEST_CALL: Final = timedelta(minutes=2)


class PendingItemsLockEvent(DomainEvent):
    """Base class of a slot's events."""


class PendingItemsLockCreated(PendingItemsLockEvent, Aggregate.Created):
    """The lock of a customer exists; nobody holds it yet."""

    TOPIC: ClassVar[str] = "pending_items_lock.created"
    app_id: UUID
    connection_id: UUID
    customer: str


class PendingItemsLockAcquired(PendingItemsLockEvent):
    """An invoice holds the lock until `expires_at` (Unix seconds by our clock) or its release."""

    TOPIC: ClassVar[str] = "pending_items_lock.acquired"
    invoice_id: UUID
    expires_at: int


class PendingItemsLockReleased(PendingItemsLockEvent):
    """The invoice has released the lock."""

    TOPIC: ClassVar[str] = "pending_items_lock.released"
    invoice_id: UUID


class PendingItemsLock(AggregateRoot):
    """Lock on a customer's pending items; `holder`: an invoice, None when free."""

    TOPIC: ClassVar[str] = "pending_items_lock"
    Event = PendingItemsLockEvent
    Created = PendingItemsLockCreated

    holder: UUID | None
    expires_at: int

    def __init__(self) -> None:
        self.holder = None
        self.expires_at = 0

    @classmethod
    def create(
        cls, *, app_id: UUID, connection_id: UUID, customer: str, occurred_at: datetime
    ) -> PendingItemsLock:
        """Create a free lock."""
        return cls._create(
            PendingItemsLockCreated,
            id=ids.for_pending_items_lock(connection_id, customer),
            timestamp=occurred_at,
            actor="worker",
            app_id=app_id,
            connection_id=connection_id,
            customer=customer,
        )

    def acquire(self, invoice_id: UUID, *, occurred_at: datetime) -> bool:
        """Acquire or extend the lock; returns whether the invoice holds it for long enough."""
        now_s = int(occurred_at.timestamp())
        if self.holder not in (None, invoice_id) and now_s < self.expires_at:
            return False
        enough_s = now_s + int(_LONGEST_CALL.total_seconds())
        if self.holder != invoice_id or self.expires_at < enough_s:
            self.record_event(
                PendingItemsLockAcquired,
                occurred_at=occurred_at,
                actor="worker",
                invoice_id=invoice_id,
                expires_at=now_s + int(LOCK_LIFETIME.total_seconds()),
            )
        return True

    def release(self, invoice_id: UUID, *, occurred_at: datetime) -> None:
        """Release the lock; no effect where the invoice does not hold it."""
        if self.holder == invoice_id:
            self.record_event(
                PendingItemsLockReleased,
                occurred_at=occurred_at,
                actor="worker",
                invoice_id=invoice_id,
            )

    def apply_event(self, event: PendingItemsLockEvent) -> None:
        """Assign the fields of an event; runs again on every replay."""
        match event:
            case PendingItemsLockAcquired():
                self.holder, self.expires_at = event.invoice_id, event.expires_at
            case PendingItemsLockReleased():
                self.holder = None
