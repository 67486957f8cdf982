"""Receipts: what a POST did that made nothing with a stream of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.core.aggregate import AggregateRoot, DomainEvent


@dataclass(frozen=True, kw_only=True)
class WriteReceipt:
    """Keep what was answered under an idempotency key; `result` holds no secret."""

    receipt_id: UUID
    app_id: UUID
    request_hash: str
    result: dict[str, Any]
    actor: str


class ReceiptEvent(DomainEvent):
    """The root of a receipt's facts."""


class ReceiptWritten(ReceiptEvent, Aggregate.Created):
    """A request was done, in the same append; the store refuses to do it twice."""

    TOPIC: ClassVar[str] = "receipt.written"
    app_id: UUID
    request_hash: str
    result: dict[str, Any]


class Receipt(AggregateRoot):
    """What a request led to."""

    TOPIC: ClassVar[str] = "receipt"
    Event = ReceiptEvent
    Created = ReceiptWritten

    app_id: UUID
    request_hash: str
    result: dict[str, Any]

    def __init__(self) -> None:
        """Take nothing: the one fact says it all (the library would ask for annotated fields)."""

    @classmethod
    def write(cls, command: WriteReceipt, *, occurred_at: datetime) -> Receipt:
        """Write a receipt; its id names the request (`ids.for_post`)."""
        return cls._create(
            ReceiptWritten,
            id=command.receipt_id,
            timestamp=occurred_at,
            actor=command.actor,
            app_id=command.app_id,
            request_hash=command.request_hash,
            result=command.result,
        )

    def apply_event(self, event: ReceiptEvent) -> None:
        """Assign what the fact says; runs again on every replay."""
        match event:
            case ReceiptWritten():
                self.app_id, self.request_hash = event.app_id, event.request_hash
                self.result = event.result
