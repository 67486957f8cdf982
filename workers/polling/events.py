"""Poll a provider's events where webhooks can't arrive: on a developer's machine.

Found events are stored in the inbox once and applied like delivered ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, cast
from uuid import UUID

import structlog
from eventsourcing.persistence import IntegrityError

from domain.apps.connection import Connection
from domain.billing import Billing
from domain.core import ids
from domain.core.providers import Mode, Provider
from domain.gateway.errors import GatewayError
from domain.inbox.commands import ReceiveProviderEvent
from domain.inbox.provider_event import ProviderEvent
from eventlog.bodies import Body
from eventlog.errors import LogUnavailable
from eventlog.follow.leader import Leadership
from projections.work.checkpoints import Checkpoints
from projections.work.sessions import WorkUnavailable
from workers.providers.stripe.event_list import ListedEvent

EVERY_S: Final = 2.0
# Events of one moment do not all show at once: events younger than this are read again.
_LOOK_BACK_S: Final = 60

_log = structlog.get_logger("billhook.polling")


class Events(Protocol):
    """List of a provider's events. Raises the gateway's errors."""

    def newest_s(self) -> int:
        """Return the newest event's time, or the provider's time if there is none."""

    def since(self, created_s: int) -> list[ListedEvent]:
        """Yield the events from a second on, oldest first."""


@dataclass(kw_only=True)
class EventPoller:
    """Poll one connection's events, from the stored checkpoint on."""

    connection: Connection
    events: Events
    billing: Billing
    places: Checkpoints
    now: Callable[[], datetime]
    _known: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the name of the checkpoint and of the leader lock."""
        return f"events:{self.connection.connection_id}"

    def poll(self) -> int:
        """Store new events and return their number. The first poll only sets the checkpoint."""
        place = self.places.find(self.name)
        if place is None:
            newest_s = self.events.newest_s()
            self.places.save(self.name, {"seen_s": newest_s})
        else:
            newest_s = int(place["seen_s"])
        found = self.events.since(newest_s - _LOOK_BACK_S)
        stored = sum(self._receive(event) for event in found if event.id not in self._known)
        self._known = {event.id: event.created_s for event in found}
        latest_s = max(self._known.values(), default=newest_s)
        if latest_s > newest_s:
            self.places.save(self.name, {"seen_s": latest_s})
        return stored

    def _receive(self, event: ListedEvent) -> bool:
        """Store an event in the inbox; a known event stays unchanged."""
        connection, body = self.connection, Body.of(event.body, None)
        command = ReceiveProviderEvent(
            event_id=ids.for_provider_event(connection.connection_id, connection.mode, event.id),
            app_id=connection.app_id,
            connection_id=connection.connection_id,
            connection=connection.name,
            provider=cast("Provider", connection.provider),
            mode=cast("Mode", connection.mode),
            provider_event_id=event.id,
            type=event.type,
            object_type=event.object_type,
            object_id=event.object_id,
            invoice_id=_uuid(event.claims),
            occurred_at=event.created_s,
            body=body.sha256.hex(),
            actor="reconciliation",
            found_by="event_catch_up",
        )
        try:
            self.billing.save(ProviderEvent.receive(command, occurred_at=self.now()), bodies=[body])
        except IntegrityError:
            return False
        return True


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


class Poller(Protocol):
    """Source of new events of one connection."""

    @property
    def name(self) -> str:
        """Return the name of the leader lock."""

    def poll(self) -> int:
        """Store new events and return their number."""


async def keep_polling(
    poller: Poller, dsn: str, stop: asyncio.Event, *, every_s: float = EVERY_S
) -> None:
    """Poll until `stop`, one process at a time; errors are logged and the poll is repeated."""

    async def lead() -> None:
        while True:
            try:
                stored = await asyncio.to_thread(poller.poll)
            except (GatewayError, LogUnavailable, WorkUnavailable) as error:
                _log.warning("polling.unavailable", error=f"{type(error).__name__}: {error}")
            else:
                if stored:
                    _log.info("polling.found", events=stored)
            await asyncio.sleep(every_s)

    await Leadership(dsn, poller.name).run(lead, stop=stop)
