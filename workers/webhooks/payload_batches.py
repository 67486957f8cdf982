"""Read the payloads of received events in parts of bounded size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from domain.inbox.provider_event import ProviderEventReceived
from eventlog.bodies import unpack
from eventlog.errors import BodyDamaged
from eventlog.log import Log
from workers.webhooks.parse import ParsedEvent, parse_event

PART_BYTES: Final = 8 * 1024 * 1024
"""Maximum size of the payloads that are held at once, packed and again unpacked."""

DAMAGED: Final = "unreadable: its payload is damaged"


async def parsed_in_parts(
    log: Log, entries: Sequence[ProviderEventReceived], *, part_bytes: int = PART_BYTES
) -> AsyncIterator[list[ParsedEvent]]:
    """Parse received events in their order; yield parts of at least one event."""
    part: list[ParsedEvent] = []
    unpacked = 0
    async for entry, packed in _packed_payloads(log, entries, part_bytes=part_bytes):
        parsed, size = _parse(entry, packed)
        if part and unpacked + size > part_bytes:
            yield part
            part, unpacked = [], 0
        part.append(parsed)
        unpacked += size
    if part:
        yield part


async def _packed_payloads(
    log: Log, entries: Sequence[ProviderEventReceived], *, part_bytes: int
) -> AsyncIterator[tuple[ProviderEventReceived, bytes | None]]:
    start = 0
    while start < len(entries):
        hashes = list(dict.fromkeys(map(_hash, entries[start:])))
        packed = await log.packed_bodies_async(hashes, most_bytes=part_bytes)
        unread = {sha256 for sha256, found in packed.items() if found is None}
        while start < len(entries) and _hash(entries[start]) not in unread:
            yield entries[start], packed.get(_hash(entries[start]))
            start += 1


def _parse(entry: ProviderEventReceived, packed: bytes | None) -> tuple[ParsedEvent, int]:
    """Unpack and parse one payload; return it with its size."""
    try:
        stored = None if packed is None else unpack(packed, sha256=_hash(entry))
    except BodyDamaged:
        return ParsedEvent(entry, entry.originator_id, error=DAMAGED), 0
    return parse_event(entry, stored), len(stored or b"")


def _hash(entry: ProviderEventReceived) -> bytes:
    return bytes.fromhex(entry.body)
