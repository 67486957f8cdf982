"""A log in memory that behaves as the real one does towards one reader and writer at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from eventlog.bodies import Body
from eventlog.errors import Conflict
from eventlog.reading import RecordedEvent


class MemoryLog:
    """Streams and bodies in dictionaries; what is appended must follow what is there."""

    dsn = ""

    def __init__(self) -> None:
        self._streams: dict[UUID, list[RecordedEvent]] = {}
        self._bodies: dict[bytes, bytes] = {}
        self._head = 0

    def reset(self, events: Sequence[RecordedEvent]) -> None:
        """Replace all events by some events of another log."""
        self._streams.clear()
        self._bodies.clear()
        self._head = 0
        self.append([event.stored() for event in events])

    def append(self, events: Sequence[StoredEvent], bodies: Sequence[Body] = ()) -> list[int]:
        """Record all or nothing. Raises Conflict."""
        after: dict[UUID, int] = {}
        for event in events:
            stream = UUID(str(event.originator_id))
            version = after.get(stream, len(self._streams.get(stream, ())))
            if event.originator_version != version + 1:
                raise Conflict(stream, offered=event.originator_version, recorded=version)
            after[stream] = version + 1
        for event in events:
            self._head += 1
            recorded = RecordedEvent(
                event.originator_id, event.originator_version, event.topic, event.state, self._head
            )
            self._streams.setdefault(UUID(str(event.originator_id)), []).append(recorded)
        self._bodies |= {body.sha256: body.data for body in bodies}
        return list(range(self._head - len(events) + 1, self._head + 1))

    def stream(
        self,
        stream: UUID,
        *,
        after_version: int = 0,
        up_to_version: int | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[RecordedEvent]:
        """Read a stream in the order of its versions."""
        found = self._streams.get(stream, [])[after_version:up_to_version]
        return (found[::-1] if newest_first else list(found))[:limit]

    def body(self, sha256: bytes) -> bytes | None:
        """Return a body."""
        return self._bodies.get(sha256)

    async def append_async(
        self, events: Sequence[StoredEvent], bodies: Sequence[Body] = ()
    ) -> list[int]:
        """Append as `append` does."""
        return self.append(events, bodies)

    async def streams_async(
        self, streams: Collection[UUID], *, after_versions: Mapping[UUID, int] | None = None
    ) -> dict[UUID, list[RecordedEvent]]:
        """Read streams, whole or after a version."""
        after = after_versions or {}
        return {
            stream: [
                one for one in self.stream(stream) if one.originator_version > after.get(stream, 0)
            ]
            for stream in streams
        }

    async def bodies_async(self, sha256s: Collection[bytes]) -> dict[bytes, bytes]:
        """Return bodies by their hash."""
        return {sha256: self._bodies[sha256] for sha256 in sha256s if sha256 in self._bodies}

    async def packed_bodies_async(
        self, sha256s: Sequence[bytes], *, most_bytes: int
    ) -> dict[bytes, bytes | None]:
        """Return bodies as stored; None those that follow on more than `most_bytes`."""
        found: dict[bytes, bytes | None] = {}
        size = 0
        for sha256, packed in self._packed(sha256s):
            found[sha256] = packed if size <= most_bytes else None
            size += len(packed)
        return found

    def _packed(self, sha256s: Collection[bytes]) -> list[tuple[bytes, bytes]]:
        known = [hash_ for hash_ in sha256s if hash_ in self._bodies]
        return [(hash_, Body.of(self._bodies[hash_], None).packed) for hash_ in known]
