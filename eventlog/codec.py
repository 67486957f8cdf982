"""Encode domain events as stored events, and decode them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, Protocol, cast
from uuid import UUID

import orjson
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    DatetimeAsISO,
    JSONTranscoder,
    Mapper,
    StoredEvent,
    Transcoding,
    UUIDAsHex,
)
from eventsourcing.utils import resolve_topic

from eventlog.errors import EventNotStorable
from eventlog.field_types import check_field_types
from eventlog.reading import RecordedEvent
from eventlog.typed_state import state_reader

_TYPE: Final = "_type_"
_DATA: Final = "_data_"
_MARKERS: Final = frozenset({_TYPE, _DATA})
_PLAIN: Final = frozenset({str, int, bool, type(None)})


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


class CachedUUIDAsHex(UUIDAsHex):
    """Transcoding of UUIDs that keeps those it has read: apps and connections have many events."""

    def decode(self, data: str) -> UUID:
        """Return the UUID. Raises ValueError, TypeError."""
        return _uuid(data)


_uuid: Final = lru_cache(maxsize=1024)(UUID)


class EventTranscoder(JSONTranscoder):
    """JSON of ints, strings, booleans, None, lists, dicts, UUIDs and datetimes; nothing else.

    Money that passed through a float or a Decimal context is no longer what was charged.
    """

    def __init__(self) -> None:
        super().__init__()
        self._escaped = EscapedDict()
        self.register(CachedUUIDAsHex())
        self.register(DatetimeAsISO())
        self.register(self._escaped)

    def register(self, transcoding: Transcoding) -> None:
        """Register any transcoding but that of Decimal, which eventsourcing registers by itself."""
        if transcoding.type is not Decimal:
            super().register(transcoding)

    def encode(self, obj: object) -> bytes:
        """Encode. Raises EventNotStorable, a TypeError.

        An event that followers cannot decode would stop all of them, for every app. Values whose
        types are all in `_marked` are decoded as themselves; others are decoded to prove it.
        """
        try:
            return orjson.dumps(_marked(obj))
        except (TypeError, RecursionError):
            return self._encode_and_compare(obj)

    def _encode_and_compare(self, obj: object) -> bytes:
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

    def decode(self, data: bytes) -> Any:  # noqa: ANN401 - as the base class has it
        """Decode. What orjson reads otherwise than `json` does is left to `json`."""
        try:
            return self._unmarked(orjson.loads(data))
        except (TypeError, ValueError, RecursionError):
            return super().decode(data)

    def _unmarked(self, value: Any) -> Any:  # noqa: ANN401 - any value of JSON
        """Replace marked values, the inner ones first; dicts are changed in place.

        Raises TypeError for floats: integers of more than 64 bits are read as such.
        """
        if isinstance(value, dict):
            for key, item in value.items():
                if type(item) not in _PLAIN:
                    value[key] = self._unmarked(item)
            return self._decode_obj(value)
        if isinstance(value, list):
            return [item if type(item) in _PLAIN else self._unmarked(item) for item in value]
        raise TypeError

    def _decode_obj(self, d: dict[str, Any]) -> object:
        """Decode a marked value; a marker that is unknown or does not fit is a plain dict.

        Logs that were written before dicts were escaped may hold such dicts.
        """
        if len(d) != len(_MARKERS) or _TYPE not in d or _DATA not in d:
            return d
        name = d[_TYPE]
        transcoding = self.names.get(name) if isinstance(name, str) else None
        if transcoding is None:
            return d
        try:
            return transcoding.decode(d[_DATA])
        except (AssertionError, AttributeError, TypeError, ValueError):
            return d


def _marked(value: object) -> object:
    """Return a value for orjson, which writes the bytes that `json` would write of it.

    Raises TypeError for other types, subclasses among them, and for dicts that must be escaped;
    orjson does for integers of more than 64 bits and for halves of surrogate pairs.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is UUID:
        return {_TYPE: UUIDAsHex.name, _DATA: cast("UUID", value).hex}
    if isinstance(value, datetime) and kind is datetime and value.tzinfo is UTC:
        return {_TYPE: DatetimeAsISO.name, _DATA: value.isoformat()}
    if isinstance(value, list) and kind is list:
        return [_marked(item) for item in value]
    if isinstance(value, dict) and kind is dict and _MARKERS.isdisjoint(value):
        return {key: item if type(item) in _PLAIN else _marked(item) for key, item in value.items()}
    raise TypeError


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
    """Mapper that knows the types of fields: it checks them before an event is encoded."""

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Return the event as it is stored. Raises EventNotStorable."""
        check_field_types(domain_event)
        return super().to_stored_event(domain_event)

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """Return the event. Raises MapperDeserialisationError, TopicError.

        As the base class does, which decodes what cannot be read by the types of fields.
        """
        read = state_reader(stored_event.topic)
        stream = stored_event.originator_id
        state = read(stored_event.state) if read is not None and type(stream) is UUID else None
        if state is None:
            return super().to_domain_event(stored_event)
        state["originator_id"] = stream
        state["originator_version"] = stored_event.originator_version
        kind = resolve_topic(stored_event.topic)
        event: DomainEventProtocol[UUID] = object.__new__(kind)
        object.__setattr__(event, "__dict__", state)
        return event


class StoredFields(Protocol):
    """Fields of a stored event, in whatever a reader of very many of them makes of rows."""

    @property
    def originator_id(self) -> UUID: ...  # noqa: D102

    @property
    def originator_version(self) -> int: ...  # noqa: D102

    @property
    def topic(self) -> str: ...  # noqa: D102

    @property
    def state(self) -> bytes: ...  # noqa: D102


class Codec:
    """eventsourcing's mapper for use outside an Application, with the very same bytes."""

    def __init__(self) -> None:
        self._mapper = EventMapper(transcoder=EventTranscoder())

    def encode(self, event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Return the event as it is stored. Raises EventNotStorable."""
        return self._mapper.to_stored_event(event)

    def decode(self, stored: StoredEvent) -> DomainEventProtocol[UUID]:
        """Return the event. Raises eventsourcing's MapperDeserialisationError, TopicError."""
        if isinstance(stored, RecordedEvent):
            return stored.decoded(self._mapper.to_domain_event)
        return self._mapper.to_domain_event(stored)

    def decode_row(self, row: StoredFields) -> DomainEventProtocol[UUID]:
        """Return the event of a row with the fields of a stored event, as `decode` does."""
        return self._mapper.to_domain_event(cast("StoredEvent", row))
