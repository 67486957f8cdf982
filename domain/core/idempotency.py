"""Receipts: what a POST did that made nothing with a stream of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.core.aggregate import AggregateRoot, DomainEvent


@dataclass(frozen=True, kw_only=True)
class CreateIdempotencyRecord:
    """Keep what was answered under an idempotency key; `result` holds no secret."""

    record_id: UUID
    app_id: UUID
    request_hash: str
    result: dict[str, Any]
    actor: str


class IdempotencyRecordEvent(DomainEvent):
    """The root of a receipt's facts."""


class IdempotencyRecordCreated(IdempotencyRecordEvent, Aggregate.Created):
    """A request was done, in the same append; the store refuses to do it twice."""

    TOPIC: ClassVar[str] = "idempotency_record.created"
    app_id: UUID
    request_hash: str
    result: dict[str, Any]


class IdempotencyRecord(AggregateRoot):
    """What a request led to."""

    TOPIC: ClassVar[str] = "idempotency_record"
    Event = IdempotencyRecordEvent
    Created = IdempotencyRecordCreated

    app_id: UUID
    request_hash: str
    result: dict[str, Any]

    def __init__(self) -> None:
        """Take nothing: the one fact says it all (the library would ask for annotated fields)."""

    @classmethod
    def create(
        cls, command: CreateIdempotencyRecord, *, occurred_at: datetime
    ) -> IdempotencyRecord:
        """Write a receipt; its id names the request (`ids.for_post`)."""
        return cls._create(
            IdempotencyRecordCreated,
            id=command.record_id,
            timestamp=occurred_at,
            actor=command.actor,
            app_id=command.app_id,
            request_hash=command.request_hash,
            result=command.result,
        )

    def apply_event(self, event: IdempotencyRecordEvent) -> None:
        """Assign what the fact says; runs again on every replay."""
        match event:
            case IdempotencyRecordCreated():
                self.app_id, self.request_hash = event.app_id, event.request_hash
                self.result = event.result
