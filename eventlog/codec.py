"""Domain events to bytes and back."""

from decimal import Decimal
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    DatetimeAsISO,
    JSONTranscoder,
    Mapper,
    StoredEvent,
    Transcoding,
    UUIDAsHex,
)


class EventTranscoder(JSONTranscoder):
    """JSON of ints, strings, booleans, None, lists, dicts, UUIDs and datetimes; nothing else.

    Money that passed through a float or a Decimal context is no longer what was charged.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register(UUIDAsHex())
        self.register(DatetimeAsISO())

    def register(self, transcoding: Transcoding) -> None:
        """Take any transcoding but that of Decimal, which eventsourcing registers unasked."""
        if transcoding.type is not Decimal:
            super().register(transcoding)

    def encode(self, obj: object) -> bytes:
        """Encode; raises TypeError for a float anywhere within."""
        _refuse_floats(obj)
        return super().encode(obj)


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("events carry no floats: use minor units, or a string")
    if isinstance(value, dict):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)


class Codec:
    """eventsourcing's mapper for use outside an Application, with the very same bytes."""

    def __init__(self) -> None:
        self._mapper: Mapper[UUID] = Mapper(transcoder=EventTranscoder())

    def encode(self, event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Give the event as it is stored."""
        return self._mapper.to_stored_event(event)

    def decode(self, stored: StoredEvent) -> DomainEventProtocol[UUID]:
        """Give back the event. Raises eventsourcing's MapperDeserialisationError, TopicError."""
        return self._mapper.to_domain_event(stored)
