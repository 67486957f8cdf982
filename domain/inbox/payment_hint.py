"""Hints: a provider says that something is new about a payment, without a proof or a word of what.

The truth is fetched. While a hint waits for that, further ones say nothing more, and are not
recorded; one that comes once the fetch has begun may tell of what the fetch did not see, and is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.core import ids
from domain.core.aggregate import AggregateRoot, DomainEvent
from domain.inbox.commands import FoundBy, ReceivePaymentHint


class PaymentHintEvent(DomainEvent):
    """Base class of a hint's events."""


class PaymentHintReceived(PaymentHintEvent, Aggregate.Created):
    """Something may be new about a payment that nothing was said of before.

    `found_by`: the part of reconciliation that found it; None for a webhook.
    """

    TOPIC: ClassVar[str] = "payment_hint.received"
    app_id: UUID
    connection_id: UUID
    connection: str
    provider: str
    mode: str
    payment_id: str
    found_by: str | None = None


class PaymentHintRepeated(PaymentHintEvent):
    """Something may be new again, since the last fetch began. `found_by`: as above."""

    TOPIC: ClassVar[str] = "payment_hint.repeated"
    app_id: UUID
    found_by: str | None = None
    connection_id: UUID | None = None


class PaymentHintFetchStarted(PaymentHintEvent):
    """The payment is about to be fetched."""

    TOPIC: ClassVar[str] = "payment_hint.fetch_started"


class PaymentHintFetched(PaymentHintEvent):
    """The fetch ended: `effects` as in ProviderEventApplied, or `reason` why it had none."""

    TOPIC: ClassVar[str] = "payment_hint.fetched"
    effects: list[dict[str, str]]
    reason: str | None


def is_waiting_after(newest: PaymentHintEvent) -> bool:
    """Report whether a hint waits for a fetch, from the newest event of its stream alone."""
    return isinstance(newest, PaymentHintReceived | PaymentHintRepeated)


def repeated_after(
    newest: PaymentHintEvent, command: ReceivePaymentHint, *, occurred_at: datetime
) -> PaymentHintRepeated:
    """Build the event of one more hint, from the newest event of its stream alone."""
    fields: dict[str, Any] = {
        "originator_id": newest.originator_id,
        "originator_version": newest.originator_version + 1,
        "timestamp": max(occurred_at, newest.timestamp),
        "actor": command.actor,
        "app_id": command.app_id,
        "found_by": command.found_by,
        "connection_id": command.connection_id,
    }
    return PaymentHintRepeated(**fields)


class PaymentHint(AggregateRoot):
    """All hints at one payment. `waiting`: for a fetch to begin; `fetching`: for it to end.

    `found_by`: of the newest hint.
    """

    TOPIC: ClassVar[str] = "payment_hint"
    Event = PaymentHintEvent
    Created = PaymentHintReceived

    received: PaymentHintReceived
    waiting: bool
    fetching: bool
    found_by: str | None

    def __init__(self) -> None:
        self.waiting = True
        self.fetching = False
        self.found_by = None

    @classmethod
    def receive(cls, command: ReceivePaymentHint, *, occurred_at: datetime) -> PaymentHint:
        """Record the first hint at a payment."""
        facts: dict[str, Any] = dict(vars(command))
        hint_id = ids.for_payment_hint(command.connection_id, command.mode, command.payment_id)
        return cls._create(PaymentHintReceived, id=hint_id, timestamp=occurred_at, **facts)

    def repeat(self, *, actor: str, occurred_at: datetime, found_by: FoundBy | None = None) -> None:
        """Record a hint, unless one is waiting already."""
        if not self.waiting:
            self.record_event(
                PaymentHintRepeated,
                occurred_at=occurred_at,
                actor=actor,
                app_id=self.received.app_id,
                found_by=found_by,
                connection_id=self.received.connection_id,
            )

    def start_fetch(self, *, actor: str, occurred_at: datetime) -> None:
        """Record the start of the fetch; later hints need another fetch."""
        if self.waiting:
            self.record_event(PaymentHintFetchStarted, occurred_at=occurred_at, actor=actor)

    def record_fetched(
        self,
        effects: list[dict[str, str]],
        *,
        reason: str | None,
        actor: str,
        occurred_at: datetime,
    ) -> None:
        """Record the fetch's effects; a hint that arrived meanwhile needs another fetch."""
        if self.fetching and not self.waiting:
            self.record_event(
                PaymentHintFetched,
                occurred_at=occurred_at,
                actor=actor,
                effects=effects,
                reason=reason,
            )

    def give_up(self, reason: str, *, actor: str, occurred_at: datetime) -> None:
        """Leave it until somebody hints again, or it is looked for without a hint."""
        if self.fetching or self.waiting:
            self.record_event(
                PaymentHintFetched, occurred_at=occurred_at, actor=actor, effects=[], reason=reason
            )

    def apply_event(self, event: PaymentHintEvent) -> None:
        """Assign the fields of an event; runs again on every replay."""
        match event:
            case PaymentHintReceived():
                self.received, self.found_by = event, event.found_by
            case PaymentHintRepeated():
                self.waiting, self.found_by = True, event.found_by
            case PaymentHintFetchStarted():
                self.waiting, self.fetching = False, True
            case PaymentHintFetched():
                self.waiting = self.fetching = False
