"""Poll a provider's events where webhooks can't arrive: on a developer's machine.

Found events are stored in the inbox once and applied like delivered ones.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from domain.gateway.errors import GatewayError
from eventlog.errors import LogUnavailable
from eventlog.follow.leader import Leadership
from projections.work.checkpoints import Checkpoints
from projections.work.sessions import WorkUnavailable
from workers.providers.stripe.event_list import ListedEvent
from workers.reconciliation.inbox import ReconciliationInbox

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

    inbox: ReconciliationInbox
    events: Events
    checkpoints: Checkpoints
    _known: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the name of the checkpoint and of the leader lock."""
        return f"events:{self.inbox.connection.connection_id}"

    def poll(self) -> int:
        """Store new events and return their number. The first poll only sets the checkpoint."""
        checkpoint = self.checkpoints.find(self.name)
        if checkpoint is None:
            newest_s = self.events.newest_s()
            self.checkpoints.save(self.name, {"seen_s": newest_s})
        else:
            newest_s = int(checkpoint["seen_s"])
        found = self.events.since(newest_s - _LOOK_BACK_S)
        new = [event for event in reversed(found) if event.id not in self._known]
        stored = self.inbox.receive_events(new)
        self._known = {event.id: event.created_s for event in found}
        latest_s = max(self._known.values(), default=newest_s)
        if latest_s > newest_s:
            self.checkpoints.save(self.name, {"seen_s": latest_s})
        return stored


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
