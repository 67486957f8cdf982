from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent


def stored(
    stream: UUID | None = None, version: int = 1, *, topic: str = "Happened", state: bytes = b"{}"
) -> StoredEvent:
    """An event as eventsourcing stores it; of a new stream unless one is given."""
    return StoredEvent(stream or uuid4(), version, topic, state)
