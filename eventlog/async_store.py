"""Load and save aggregates on the event loop: the asynchronous counterpart of `domain.core.store`.

The only place outside the recorder that collects an aggregate's events, encodes and appends them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from domain.core.aggregate import AggregateRoot, DomainEvent
from domain.core.snapshots import Snapshot, Snapshots
from eventlog.bodies import Body
from eventlog.codec import Codec
from eventlog.log import Log
from eventlog.reading import RecordedEvent

AnyAggregate = TypeVar("AnyAggregate", bound=AggregateRoot)


class AppendMetric(Protocol):
    """Measure a durable append: its number of events, and its duration."""

    def __call__(self, *, events: int, seconds: float) -> None:
        """Record the append."""


def _unmeasured(*, events: int, seconds: float) -> None:
    """Record nothing."""


class _Newest(list[RecordedEvent]):
    """The events of a stream after a snapshot."""

    def __init__(self, events: Iterable[RecordedEvent], *, after: Snapshot) -> None:
        super().__init__(events)
        self.after = after


class AsyncStore:
    """Aggregates of one log. Appends raise Conflict, LogUnavailable.

    `on_append` is called after each append that succeeded.
    """

    def __init__(
        self,
        log: Log,
        *,
        on_append: AppendMetric = _unmeasured,
        snapshots: Snapshots | None = None,
    ) -> None:
        self._log = log
        self._codec = Codec()
        self._on_append = on_append
        self._snapshots = snapshots or Snapshots()

    async def create(self, aggregate: AggregateRoot, bodies: Sequence[Body] = ()) -> int:
        """Append a new aggregate's events; return the position of the last one."""
        return (await self.append(pending_events(aggregate), bodies))[-1]

    async def record(self, aggregate: AggregateRoot) -> list[RecordedEvent]:
        """Append a new aggregate's events; return them as `streams` would read them."""
        stored = [self._codec.encode(event) for event in pending_events(aggregate)]
        positions = await self._append(stored)
        return [
            RecordedEvent(
                event.originator_id, event.originator_version, event.topic, event.state, position
            )
            for event, position in zip(stored, positions, strict=True)
        ]

    async def append(
        self, events: Iterable[DomainEvent], bodies: Sequence[Body] = ()
    ) -> Sequence[int]:
        """Append events, of one aggregate or several, in one transaction; return positions."""
        return await self._append([self._codec.encode(event) for event in events], bodies)

    def start_append(
        self, events: Iterable[DomainEvent], bodies: Sequence[Body]
    ) -> asyncio.Future[list[int]] | None:
        """Start to append events with small bodies, without waiting; None if the queue is full.

        The future has the positions that `append` returns, or its error. Raises LogClosed.
        """
        stored = [self._codec.encode(event) for event in events]
        started_s = time.monotonic()
        done = self._log.start_append(stored, bodies)
        if done is not None:
            done.add_done_callback(partial(self._measure, len(stored), started_s))
        return done

    def _measure(self, events: int, started_s: float, done: asyncio.Future[list[int]]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._on_append(events=events, seconds=time.monotonic() - started_s)

    async def _append(
        self, stored: Sequence[StoredEvent], bodies: Sequence[Body] = ()
    ) -> Sequence[int]:
        started_s = time.monotonic()
        positions = await self._log.append_async(stored, bodies)
        self._on_append(events=len(stored), seconds=time.monotonic() - started_s)
        return positions

    async def newest_event(self, stream: UUID) -> DomainEvent | None:
        """Read a stream's newest event; None if the stream is empty."""
        found = await self._log.stream_async(stream, newest_first=True, limit=1)
        return cast("DomainEvent", self._codec.decode(found[0].stored())) if found else None

    async def streams(self, ids: Iterable[UUID]) -> dict[UUID, list[RecordedEvent]]:
        """Read the whole streams of several aggregates in one query."""
        return await self._log.streams_async(set(ids))

    async def load(self, ids: Iterable[UUID]) -> dict[UUID, list[RecordedEvent]]:
        """Read what `rebuild` needs of several streams; of long ones, the newest events alone."""
        wanted = set(ids)
        known = {stream: one for stream in wanted if (one := self._snapshots.find(stream))}
        # Also the event at the version itself, by which to see whether the log still has it.
        versions = {stream: snapshot.version - 1 for stream, snapshot in known.items()}
        found = await self._log.streams_async(wanted, after_versions=versions)
        lost = {stream for stream, one in known.items() if not self._goes_on(one, found[stream])}
        for stream in lost:
            self._snapshots.drop(stream)
        if lost:
            found |= await self._log.streams_async(lost)
        return found | {
            stream: _Newest(found[stream][1:], after=snapshot)
            for stream, snapshot in known.items()
            if stream not in lost
        }

    def _goes_on(self, snapshot: Snapshot, newest: Sequence[RecordedEvent]) -> bool:
        first = self._codec.decode(newest[0]) if newest else None
        return snapshot.is_of(cast("DomainEvent | None", first))

    def rebuild(
        self, kind: type[AnyAggregate], stream: Iterable[RecordedEvent]
    ) -> AnyAggregate | None:
        """Fold a stream to its aggregate; None for an empty stream or another kind."""
        aggregate: Any = stream.after.restore() if isinstance(stream, _Newest) else None
        for recorded in stream:
            aggregate = self._codec.decode(recorded).mutate(aggregate)  # type: ignore[attr-defined]
        self._snapshots.keep(aggregate)
        return aggregate if isinstance(aggregate, kind) else None


def pending_events(aggregate: AggregateRoot) -> list[DomainEvent]:
    """Remove and return an aggregate's unsaved events, in order."""
    return [event for event in aggregate.collect_events() if isinstance(event, DomainEvent)]
