"""Keep states of long streams in memory, so that a load reads the events after them alone.

A stream is append-only: a state up to one of its versions becomes wrong only where the log loses
events, by a restored backup or a standby that had not received them. So the event at a snapshot's
version is read as well. States are lost with the process, which then reads a whole stream again.
"""

from __future__ import annotations

import pickle
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.core.aggregate import AggregateRoot, DomainEvent

_FIRST: Final = 32
"""Version from which a stream is long: to read a shorter one costs as little as a snapshot."""
_EVERY: Final = 8
_MOST_BYTES: Final = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of an aggregate at a version of its stream, whose event has a timestamp."""

    version: int
    timestamp: datetime
    state: bytes

    def is_of(self, event: DomainEvent | None) -> bool:
        """Return whether the event that the stream has at the version is still the same."""
        return event is not None and event.timestamp == self.timestamp

    def restore(self) -> AggregateRoot:
        """Return the aggregate; each call makes another one."""
        restored: AggregateRoot = pickle.loads(self.state)  # noqa: S301 - written by this process
        return restored


class Snapshots:
    """States of the aggregates that were loaded last; for any number of threads."""

    def __init__(self, *, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._by_id: OrderedDict[UUID, Snapshot] = OrderedDict()
        self._bytes = 0

    def find(self, stream: UUID) -> Snapshot | None:
        """Return the newest snapshot of a stream, if it is kept."""
        with self._lock:
            known = self._by_id.get(stream)
            if known is not None:
                self._by_id.move_to_end(stream)
        return known

    def drop(self, stream: UUID) -> None:
        """Drop the snapshot of a stream."""
        with self._lock:
            dropped = self._by_id.pop(stream, None)
            self._bytes -= 0 if dropped is None else len(dropped.state)

    def keep(self, aggregate: object) -> None:
        """Keep a loaded aggregate without pending events, if its stream is long and has grown."""
        if not isinstance(aggregate, AggregateRoot) or aggregate.version < _FIRST:
            return
        known = self._by_id.get(aggregate.id)
        if known is not None and aggregate.version < known.version + _EVERY:
            return
        state = pickle.dumps(aggregate, pickle.HIGHEST_PROTOCOL)
        with self._lock:
            known = self._by_id.pop(aggregate.id, None)
            self._bytes += len(state) - (0 if known is None else len(known.state))
            self._by_id[aggregate.id] = Snapshot(aggregate.version, aggregate.modified_on, state)
            while self._bytes > self._most_bytes:
                _, oldest = self._by_id.popitem(last=False)
                self._bytes -= len(oldest.state)
