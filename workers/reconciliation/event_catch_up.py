"""Catch up on Stripe's events: those that no webhook delivered are found in the list of events.

The list is read in windows of time, the oldest first, a page at a time, and the checkpoint moves
after each page. What is read twice, after a kill or by the overlap, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Protocol
from uuid import UUID

from domain.gateway.errors import GatewayRejected
from projections.work.checkpoints import Checkpoints
from workers.providers.retry import Page, Span
from workers.providers.stripe.event_list import ListedEvent
from workers.reconciliation.inbox import ReconciliationInbox

# Stripe keeps events for 30 days; the oldest ones vanish while they are read.
KEPT_S: Final = 30 * 86400 - 600
# Younger events are left to their webhooks.
SETTLE_S: Final = 60
# Events of one moment do not all show at once.
OVERLAP_S: Final = 300
WINDOW_S: Final = 3600
# Stripe tries to deliver an event for three days; then its delivery has failed.
UNDELIVERED_S: Final = 3 * 86400
_DAY_S: Final = 86400


class Events(Protocol):
    """List of a provider's events. Raises the gateway's errors."""

    def now_s(self) -> int:
        """Return the time by the provider's clock in Unix seconds."""

    def page(self, span: Span, after: str | None, *, undelivered: bool) -> Page[ListedEvent]:
        """Read a page of the events created in a time range, newest first."""


@dataclass(frozen=True, kw_only=True)
class EventCheckpoint:
    """Position in the list of events: where to read on, by the provider's clock.

    `until`: the end of the window in progress; `after`: the last event read of it. `reached_s`: up
    to where the last whole run read, which is later than `read_s` by the overlap.
    """

    read_s: int
    until: int | None = None
    after: str | None = None
    reached_s: int | None = None


@dataclass(frozen=True, kw_only=True)
class CatchUpResult:
    """`entered`: events that were not in the inbox. `gap`: a time that the list has no longer."""

    entered: int
    gap: Span | None = None


def no_audit(_: Span) -> None:
    """Plan nothing: a caller that only reads events."""


@dataclass(frozen=True, kw_only=True)
class EventCatchUp:
    """Reads one connection's events on from the checkpoint.

    `since_s`: where to begin without a checkpoint. `should_stop`: called after each page.
    `plan_audit`: called with a time that the list has no longer, before the checkpoint moves past
    it, so that an interrupted run does not lose it.
    """

    events: Events
    inbox: ReconciliationInbox
    checkpoints: Checkpoints
    since_s: int
    undelivered: bool = False
    should_stop: Callable[[], bool] = lambda: False
    plan_audit: Callable[[Span], None] = no_audit

    @property
    def name(self) -> str:
        """Return the name of the checkpoint."""
        return checkpoint_name(self.inbox.connection.connection_id, undelivered=self.undelivered)

    def run(self) -> CatchUpResult:
        """Enter what was missed. Raises the gateway's errors, LogUnavailable, WorkUnavailable."""
        now_s = self.events.now_s()
        checkpoint, gap = self._resume(now_s)
        if gap is not None:
            self.plan_audit(gap)
        entered, end = 0, now_s - SETTLE_S
        window_s, overlap_s = (_DAY_S, UNDELIVERED_S) if self.undelivered else (WINDOW_S, OVERLAP_S)
        while not self.should_stop():
            window = Span(
                start=checkpoint.read_s,
                end=checkpoint.until or min(checkpoint.read_s + window_s, end),
            )
            if window.end <= window.start:
                break
            page = self._page(window, checkpoint.after)
            entered += self.inbox.receive_events(page.items)
            checkpoint = self._save(_after(checkpoint, page, window))
            # Windows grow over a quiet time, in which each would cost a call.
            window_s = min(2 * window_s, _DAY_S) if page.last is None else WINDOW_S
        if checkpoint.read_s == end:
            again_s = max(end - overlap_s, self.since_s, now_s - KEPT_S)
            self._save(EventCheckpoint(read_s=again_s, reached_s=end))
        return CatchUpResult(entered=entered, gap=gap)

    def _resume(self, now_s: int) -> tuple[EventCheckpoint, Span | None]:
        """Return where to read on, and the time before it that the list has no longer."""
        oldest_s = now_s - KEPT_S
        stored = self.checkpoints.find(self.name)
        if stored is None:
            return self._save(EventCheckpoint(read_s=max(self.since_s, oldest_s))), None
        checkpoint = EventCheckpoint(**stored)
        if checkpoint.read_s >= oldest_s:
            return checkpoint, None
        gap = Span(start=checkpoint.read_s, end=oldest_s)
        return EventCheckpoint(read_s=oldest_s, reached_s=checkpoint.reached_s), gap

    def _page(self, window: Span, after: str | None) -> Page[ListedEvent]:
        try:
            return self.events.page(window, after, undelivered=self.undelivered)
        except GatewayRejected as error:
            if not error.missing or after is None:
                raise
            # The event that the page starts after is not kept any more: the window starts anew.
            return self.events.page(window, None, undelivered=self.undelivered)

    def _save(self, checkpoint: EventCheckpoint) -> EventCheckpoint:
        if not self.inbox.dry_run:
            self.checkpoints.save(self.name, asdict(checkpoint))
        return checkpoint


def checkpoint_name(connection_id: UUID, *, undelivered: bool = False) -> str:
    """Return the name of a connection's checkpoint in its list of events."""
    return f"{'undelivered' if undelivered else 'catch_up'}:{connection_id}"


def _after(checkpoint: EventCheckpoint, page: Page[Any], window: Span) -> EventCheckpoint:
    """Return the position after a page: in the window, or at the start of the next one."""
    if page.last is None:
        return replace(checkpoint, read_s=window.end, until=None, after=None)
    return replace(checkpoint, read_s=window.start, until=window.end, after=page.last)
