"""Enter what reconciliation found into the inbox, where webhooks enter.

Entries have ids of their own, so that an object that is found twice is entered once. Applying them
is the business of the same jobs as for webhooks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Protocol, cast
from uuid import UUID

import orjson
from eventsourcing.persistence import IntegrityError

from domain.apps.connection import Connection
from domain.billing import Billing
from domain.core import ids
from domain.core.providers import Mode, Provider
from domain.inbox.commands import FoundBy, ReceivePaymentHint, ReceiveProviderEvent
from domain.inbox.payment_hint import PaymentHint
from domain.inbox.provider_event import DIFFERENCE_FOUND, ProviderEvent
from eventlog.bodies import Body
from workers.providers.stripe.event_list import ListedEvent

ACTOR: Final = "reconciliation"
_DIGEST_DIGITS: Final = 24


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of reconciling one object, as printed.

    `difference`: `event`, `missing`, or what would be recorded of it.
    """

    object_type: str
    object_id: str
    difference: str


@dataclass(frozen=True, kw_only=True)
class FoundObject:
    """A provider's object that differs from what is recorded, or is not recorded at all.

    `version`: of our aggregate, 0 without one. `names`: the objects that it belongs to, under
    their names in the provider's JSON. `occurred_at`: Unix seconds by the provider's clock.
    """

    object_type: str
    object_id: str
    difference: str
    version: int
    occurred_at: int
    names: Mapping[str, Any] = field(default_factory=dict)

    @property
    def event_id(self) -> str:
        """Return an id that is the same while neither side changes."""
        state = f"{self.object_id} {self.version} {self.difference}"
        digest = sha256(state.encode()).hexdigest()[:_DIGEST_DIGITS]
        return f"found_{self.object_type}_{digest}"


class Streams(Protocol):
    """The log's streams."""

    def existing(self, streams: Sequence[UUID]) -> set[UUID]:
        """Return which of the streams have an event."""


def ignore(_: Finding) -> None:
    """Report nothing."""


@dataclass(frozen=True, kw_only=True)
class ReconciliationInbox:
    """The inbox of one connection. `dry_run`: findings are reported and nothing is recorded.

    Every method may raise LogUnavailable.
    """

    connection: Connection
    billing: Billing
    streams: Streams
    found_by: FoundBy
    now: Callable[[], datetime]
    report: Callable[[Finding], None] = ignore
    dry_run: bool = False

    def receive_events(self, events: Sequence[ListedEvent]) -> int:
        """Enter the events that are not in the inbox yet, oldest first; return their number."""
        named = {self._id_of(event.id): event for event in events}
        known = self.streams.existing(list(named)) if named else set()
        unknown = [event for event_id, event in named.items() if event_id not in known]
        return sum(self._receive_event(event) for event in reversed(unknown))

    def receive_object(
        self,
        found: FoundObject,
        *,
        event_type: str = DIFFERENCE_FOUND,
        payload: Mapping[str, Any] | None = None,
    ) -> bool:
        """Enter an object, to be fetched and recorded; one that was entered before stays so.

        `payload`: an event of the provider's that reports the object's state, of `event_type`.
        """
        command = self._command(
            provider_event_id=found.event_id,
            type=event_type,
            object_type=found.object_type,
            object_id=found.object_id,
            invoice_id=None,
            occurred_at=found.occurred_at,
        )
        body = payload or {"data": {"object": {"id": found.object_id, **found.names}}}
        return self._receive(command, orjson.dumps(body), difference=found.difference)

    def receive_payment(self, payment_id: str, *, difference: str) -> bool:
        """Enter a hint at a payment; False where one waits already."""
        connection, occurred_at = self.connection, self.now()
        mode = cast("Mode", connection.mode)
        hint_id = ids.for_payment_hint(connection.connection_id, mode, payment_id)
        known = self.billing.find(PaymentHint, hint_id)
        if known is not None and known.waiting:
            return False
        self._found("payment", payment_id, difference)
        if self.dry_run:
            return True
        command = ReceivePaymentHint(
            app_id=connection.app_id,
            connection_id=connection.connection_id,
            connection=connection.name,
            provider=cast("Provider", connection.provider),
            mode=mode,
            payment_id=payment_id,
            actor=ACTOR,
            found_by=self.found_by,
        )
        self.billing.create_or_change(
            PaymentHint,
            hint_id,
            lambda: PaymentHint.receive(command, occurred_at=occurred_at),
            lambda hint: hint.repeat(actor=ACTOR, occurred_at=occurred_at, found_by=self.found_by),
        )
        return True

    def _id_of(self, provider_event_id: str) -> UUID:
        mode = cast("Mode", self.connection.mode)
        return ids.for_provider_event(self.connection.connection_id, mode, provider_event_id)

    def _receive_event(self, event: ListedEvent) -> bool:
        command = self._command(
            provider_event_id=event.id,
            type=event.type,
            object_type=event.object_type,
            object_id=event.object_id,
            invoice_id=_uuid(event.claims),
            occurred_at=event.created_s,
        )
        return self._receive(command, event.body, difference=event.type)

    def _receive(
        self, make: Callable[[str], ReceiveProviderEvent], payload: bytes, *, difference: str
    ) -> bool:
        """Enter one event; an entry that exists already stays unchanged."""
        body = Body.of(payload, None)
        command = make(body.sha256.hex())
        if self.dry_run:
            is_new = not self.streams.existing([command.event_id])
        else:
            is_new = self._save(command, body)
        if is_new:
            self._found(command.object_type, command.object_id, difference)
        return is_new

    def _save(self, command: ReceiveProviderEvent, body: Body) -> bool:
        received = ProviderEvent.receive(command, occurred_at=self.now())
        try:
            self.billing.save(received, bodies=[body])
        except IntegrityError:
            return False
        return True

    def _command(self, **facts: Any) -> Callable[[str], ReceiveProviderEvent]:  # noqa: ANN401 - the command's own fields
        connection = self.connection
        return lambda body: ReceiveProviderEvent(
            **facts,
            event_id=self._id_of(facts["provider_event_id"]),
            app_id=connection.app_id,
            connection_id=connection.connection_id,
            connection=connection.name,
            provider=cast("Provider", connection.provider),
            mode=cast("Mode", connection.mode),
            body=body,
            actor=ACTOR,
            found_by=self.found_by,
        )

    def _found(self, object_type: str, object_id: str, difference: str) -> None:
        self.report(Finding(object_type=object_type, object_id=object_id, difference=difference))


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
