"""Keep states of long streams in memory, so that a load reads the events after them alone.

A stream is append-only: a state up to one of its versions never becomes wrong. States are lost
with the process, which then reads a stream as a whole once more.
"""

from __future__ import annotations

import pickle
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.core.aggregate import AggregateRoot

_FIRST: Final = 32
"""Version from which a stream is long: to read a shorter one costs as little as a snapshot."""
_EVERY: Final = 8
_MOST_BYTES: Final = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of an aggregate at a version of its stream."""

    version: int
    state: bytes

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
            self._by_id[aggregate.id] = Snapshot(aggregate.version, state)
            while self._bytes > self._most_bytes:
                _, oldest = self._by_id.popitem(last=False)
                self._bytes -= len(oldest.state)
