"""Encode domain events as stored events, and decode them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
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

from eventlog.errors import EventNotStorable
from eventlog.field_types import check_field_types

_TYPE: Final = "_type_"
_DATA: Final = "_data_"
_MARKERS: Final = frozenset({_TYPE, _DATA})


class EscapedDict(Transcoding):
    """Transcoding of a dict that has a marker key of the format itself, as a list of pairs.

    Callers choose the keys of metadata, and providers those of theirs. Without this, a dict
    `{"_type_": …, "_data_": …}` would be decoded as something else, or not at all.
    """

    type = Mapping
    name = "escaped_dict"

    def encode(self, obj: Mapping[str, Any]) -> list[list[Any]]:
        """Return the dict's items; their values are escaped already."""
        return [[key, value] for key, value in obj.items()]

    def decode(self, data: list[list[Any]]) -> dict[str, Any]:
        """Return the dict."""
        return {key: value for key, value in data}  # noqa: C416 - a pair of another length raises


class EventTranscoder(JSONTranscoder):
    """JSON of ints, strings, booleans, None, lists, dicts, UUIDs and datetimes; nothing else.

    Money that passed through a float or a Decimal context is no longer what was charged.
    """

    def __init__(self) -> None:
        super().__init__()
        self._escaped = EscapedDict()
        self.register(UUIDAsHex())
        self.register(DatetimeAsISO())
        self.register(self._escaped)

    def register(self, transcoding: Transcoding) -> None:
        """Register any transcoding but that of Decimal, which eventsourcing registers by itself."""
        if transcoding.type is not Decimal:
            super().register(transcoding)

    def encode(self, obj: object) -> bytes:
        """Encode, and decode again to prove it. Raises EventNotStorable, a TypeError.

        An event that followers cannot decode would stop all of them, for every app.
        """
        _refuse_floats(obj)
        try:
            encoded = super().encode(self._escape(obj))
            decoded = self.decode(encoded)
        except (TypeError, ValueError, RecursionError) as error:
            raise EventNotStorable(f"an event can't be encoded: {type(error).__name__}") from error
        if not _same(obj, decoded):
            raise EventNotStorable("an event would be decoded as something else")
        return encoded

    def _escape(self, value: object) -> object:
        """Replace dicts that have a marker key; return the value itself where there are none."""
        if isinstance(value, dict):
            items = {key: self._escape(item) for key, item in value.items()}
            if _MARKERS.isdisjoint(items):
                return items
            return {_TYPE: self._escaped.name, _DATA: self._escaped.encode(items)}
        if isinstance(value, list | tuple):
            return [self._escape(item) for item in value]
        return value

    def _decode_obj(self, d: dict[str, Any]) -> object:
        """Decode a marked value; a marker that is unknown or does not fit is a plain dict.

        Logs that were written before dicts were escaped may hold such dicts.
        """
        if len(d) != len(_MARKERS) or not d.keys() >= _MARKERS:
            return d
        name = d[_TYPE]
        transcoding = self.names.get(name) if isinstance(name, str) else None
        if transcoding is None:
            return d
        try:
            return transcoding.decode(d[_DATA])
        except (AssertionError, AttributeError, TypeError, ValueError):
            return d


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise EventNotStorable("events carry no floats: use minor units, or a string")
    if isinstance(value, dict):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)


def _same(value: object, decoded: object) -> bool:
    """Compare a value with what it is decoded as; tuples are decoded as lists."""
    if isinstance(value, dict):
        return (
            isinstance(decoded, dict)
            and value.keys() == decoded.keys()
            and all(_same(item, decoded[key]) for key, item in value.items())
        )
    if isinstance(value, list | tuple):
        return (
            isinstance(decoded, list)
            and len(value) == len(decoded)
            and all(map(_same, value, decoded))
        )
    return value == decoded


class EventMapper(Mapper[UUID]):
    """Mapper that checks each field's type before an event is encoded."""

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Return the event as it is stored. Raises EventNotStorable."""
        check_field_types(domain_event)
        return super().to_stored_event(domain_event)


class Codec:
    """eventsourcing's mapper for use outside an Application, with the very same bytes."""

    def __init__(self) -> None:
        self._mapper = EventMapper(transcoder=EventTranscoder())

    def encode(self, event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Return the event as it is stored. Raises EventNotStorable."""
        return self._mapper.to_stored_event(event)

    def decode(self, stored: StoredEvent) -> DomainEventProtocol[UUID]:
        """Return the event. Raises eventsourcing's MapperDeserialisationError, TopicError."""
        return self._mapper.to_domain_event(stored)
