"""Apply webhooks: follow received provider events, decide, append; fetches become jobs.

Appends are conditional on versions, so a batch that is handled again after a crash skips the
events that it has applied already.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Final
from uuid import UUID

import structlog
from eventsourcing.persistence import DataError, PersistenceError

from domain.core.aggregate import AggregateRoot, DomainEvent
from domain.inbox.provider_event import (
    ProviderEvent,
    ProviderEventReceived,
    ProviderEventReplayRequested,
)
from domain.invoices.invoice import Invoice
from domain.reconciliation.unapplied import drift_id_of
from eventlog.async_store import AsyncStore, pending_events
from eventlog.bodies import Body
from eventlog.codec import Codec
from eventlog.errors import Conflict, HistoryDetached, LogClosed
from eventlog.follow.follower import Follower, FollowerGroup
from eventlog.follow.handler import OutsideHandler
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from workers.webhooks.apply_drift import BatchDrifts
from workers.webhooks.apply_provider_event import Subject, apply_provider_event, is_copied
from workers.webhooks.known_invoices import KnownInvoices
from workers.webhooks.parse import ParsedEvent
from workers.webhooks.payload_batches import parsed_in_parts

NAME: Final = "apply"
_TRIES: Final = 5
# A provider reports one change by several events, which are applied together.
_DEFER_S: Final = 0.05
# Decided without a pause, in which no other role of the process goes on.
_BATCH: Final = 200

_log = structlog.get_logger("billhook.apply")


class Applier:
    """Applies received provider events, a batch at a time."""

    def __init__(self, log: Log, *, now: Callable[[], datetime]) -> None:
        self._log = log
        self._store = AsyncStore(log)
        self._codec = Codec()
        self._now = now
        self._invoices = KnownInvoices()

    async def handle(self, batch: Sequence[RecordedEvent]) -> None:
        """Apply a batch in parts of bounded size, in order. Raises only if the log fails."""
        due, received = await self._due(batch)
        async for part in parsed_in_parts(self._log, due):
            await self._apply_part(part, received)

    async def _apply_part(
        self, parsed_events: Sequence[ParsedEvent], received: Mapping[UUID, RecordedEvent]
    ) -> None:
        """Apply a part: events of one aggregate in order, aggregates concurrently.

        `received`: the first events of streams that are not read, because they have no other one as
        a rule. Where they have, the append conflicts, and the streams are read.
        """
        groups: dict[UUID, list[ParsedEvent]] = defaultdict(list)
        for parsed in self._invoices.resolve(parsed_events):
            groups[parsed.subject].append(parsed)
        try:
            known = await self._load(groups, received)
        except HistoryDetached:
            await self._apply_one_by_one(groups)
            return
        await asyncio.gather(
            *(self._apply_group(key, group, known) for key, group in groups.items())
        )

    async def _apply_one_by_one(self, groups: Mapping[UUID, Sequence[ParsedEvent]]) -> None:
        """Apply events of which some are about aggregates whose history is detached; park these."""
        for key, parsed in ((key, one) for key, group in groups.items() for one in group):
            try:
                known = await self._load({key: [parsed]})
            except HistoryDetached as error:
                await self._park(parsed.entry, error)
            else:
                await self._apply_group(key, [parsed], known)

    async def _due(
        self, batch: Sequence[RecordedEvent]
    ) -> tuple[list[ProviderEventReceived], dict[UUID, RecordedEvent]]:
        """Return the received events: new ones, and those whose replay was requested.

        Also return the new ones as they were recorded, by their streams.
        """
        events = [self._codec.decode(recorded) for recorded in batch]
        replayed = {e.originator_id for e in events if isinstance(e, ProviderEventReplayRequested)}
        new = {
            event.originator_id: recorded
            for event, recorded in zip(events, batch, strict=True)
            if event.originator_id not in replayed
        }
        if replayed:
            streams = await self._store.streams(replayed)
            events += [self._codec.decode(stream[0]) for stream in streams.values()]
        return [event for event in events if isinstance(event, ProviderEventReceived)], new

    async def _load(
        self,
        groups: Mapping[UUID, Sequence[ParsedEvent]],
        received: Mapping[UUID, RecordedEvent] = MappingProxyType({}),
    ) -> dict[UUID, list[RecordedEvent]]:
        entries = [parsed for group in groups.values() for parsed in group]
        wanted = set(groups)
        for parsed in entries:
            wanted |= {parsed.entry.originator_id, parsed.own_subject, drift_id_of(parsed.entry)}
        found = await self._store.load(wanted - received.keys())
        new = (parsed.entry.originator_id for parsed in entries)
        return found | {stream: [received[stream]] for stream in new if stream in received}

    async def _apply_group(
        self, key: UUID, group: list[ParsedEvent], known: dict[UUID, list[RecordedEvent]]
    ) -> None:
        """Apply an aggregate's events together; after an exception one by one, and park its cause.

        An exception that left here would stop the webhooks of every app.
        """
        try:
            await self._apply_together(key, group, known)
        except Exception as error:
            if _is_outage(error):
                raise
            if len(group) == 1:
                await self._park(group[0].entry, error)
                return
            for parsed in group:
                await self._apply_group(key, [parsed], await self._load({key: [parsed]}))

    async def _apply_together(
        self, key: UUID, group: list[ParsedEvent], known: dict[UUID, list[RecordedEvent]]
    ) -> None:
        for left in reversed(range(_TRIES)):
            events, bodies = self._decide(key, group, known)
            if not events:
                return
            try:
                await self._store.append(events, bodies)
            except Conflict:
                if not left:
                    raise
                known = await self._load({key: group})
            else:
                return

    async def _park(self, received: ProviderEventReceived, error: Exception) -> None:
        """Record a dead letter with the exception's type; its message may quote the payload."""
        event_id, reason = received.originator_id, f"failed: {type(error).__name__}"
        for left in reversed(range(_TRIES)):
            streams = await self._store.streams([event_id, drift_id_of(received)])
            entry = self._store.rebuild(ProviderEvent, streams[event_id])
            if entry is None or not entry.due:
                return
            actor = f"webhook:{received.provider_event_id}"
            now = self._now()
            entry.park(reason, retry=False, occurred_at=now, actor=actor)
            drifts = BatchDrifts(self._store, streams, now=now).of_entry(entry)
            try:
                await self._store.append(
                    [event for root in (entry, *drifts) for event in pending_events(root)]
                )
            except Conflict:
                if not left:
                    raise
            else:
                _log.error("apply.event_failed", provider_event=str(event_id), reason=reason)
                return

    def _decide(
        self, key: UUID, group: list[ParsedEvent], known: dict[UUID, list[RecordedEvent]]
    ) -> tuple[list[DomainEvent], list[Body]]:
        loaded = self._store.rebuild(AggregateRoot, known.get(key, []))
        subject = loaded if isinstance(loaded, Subject) else None
        entries = {
            parsed.entry.originator_id: self._store.rebuild(
                ProviderEvent, known.get(parsed.entry.originator_id, [])
            )
            for parsed in group
        }
        copies: dict[UUID, Subject | None] = {}
        drifts = BatchDrifts(self._store, known, now=self._now())
        events_to_append: list[DomainEvent] = []
        bodies: list[Body] = []
        for parsed in group:
            entry = entries[parsed.entry.originator_id]
            if entry is None or not entry.due:
                continue
            target = subject
            if is_copy := is_copied(parsed, subject):
                target = self._own_subject(parsed, copies, known)
            decide = partial(
                apply_provider_event, parsed, entry, target, is_copy=is_copy, now=self._now
            )
            bodies += drifts.apply(entry, target, decide)
            events_to_append += [
                event for root in (target, entry) if root for event in pending_events(root)
            ]
        return [*events_to_append, *drifts.events], bodies

    def _own_subject(
        self,
        parsed: ParsedEvent,
        copies: dict[UUID, Subject | None],
        known: dict[UUID, list[RecordedEvent]],
    ) -> Subject | None:
        """Return the aggregate of an object with copied metadata; None where it is new."""
        stream = parsed.own_subject
        if stream not in copies:
            copies[stream] = self._store.rebuild(Invoice, known.get(stream, []))
        return copies[stream]


def _is_outage(error: Exception) -> bool:
    """Report whether the log failed, and not one event."""
    return isinstance(error, PersistenceError | LogClosed) and not isinstance(error, DataError)


def apply_follower(
    dsn: str, log: Log, *, now: Callable[[], datetime], group: FollowerGroup | None = None
) -> Follower:
    """Create the follower that applies received provider events."""
    applier = Applier(log, now=now)
    topics = (ProviderEventReceived.TOPIC, ProviderEventReplayRequested.TOPIC)
    return Follower(
        dsn,
        NAME,
        OutsideHandler(applier.handle),
        topics=topics,
        batch=_BATCH,
        group=group,
        deferred=topics,
        defer_s=_DEFER_S,
    )
