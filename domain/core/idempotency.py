"""Idempotency records: results of POST requests that create no aggregate of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.core.aggregate import AggregateRoot, DomainEvent


@dataclass(frozen=True, kw_only=True)
class CreateIdempotencyRecord:
    """Record the result under an idempotency key; `result` holds no secret."""

    record_id: UUID
    app_id: UUID
    request_hash: str
    result: dict[str, Any]
    actor: str


class IdempotencyRecordEvent(DomainEvent):
    """Base class of the events of idempotency records."""


class IdempotencyRecordCreated(IdempotencyRecordEvent, Aggregate.Created):
    """A request was carried out in the same append; the store refuses a second one."""

    TOPIC: ClassVar[str] = "idempotency_record.created"
    app_id: UUID
    request_hash: str
    result: dict[str, Any]


class IdempotencyRecord(AggregateRoot):
    """The result of a request."""

    TOPIC: ClassVar[str] = "idempotency_record"
    Event = IdempotencyRecordEvent
    Created = IdempotencyRecordCreated

    app_id: UUID
    request_hash: str
    result: dict[str, Any]

    def __init__(self) -> None:
        """Accept no arguments: the library would otherwise require the annotated fields."""

    @classmethod
    def create(
        cls, command: CreateIdempotencyRecord, *, occurred_at: datetime
    ) -> IdempotencyRecord:
        """Create a record; its id is derived from the request (`ids.for_post`)."""
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
        """Assign the fields of an event; runs again on every replay."""
        match event:
            case IdempotencyRecordCreated():
                self.app_id, self.request_hash = event.app_id, event.request_hash
                self.result = event.result


def idempotency_records(
    command: CreateIdempotencyRecord | None, *, occurred_at: datetime
) -> list[AggregateRoot]:
    """Create the record of a request with an idempotency key, to be saved with its result."""
    return [] if command is None else [IdempotencyRecord.create(command, occurred_at=occurred_at)]
