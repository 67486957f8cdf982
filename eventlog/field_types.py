"""Check the fields of an event against its class before it is encoded.

Followers read events without checks. A field of another type than its class declares, or a key
that is too long for an index, would stop them all, so that the append is refused instead.
"""

from functools import cache
from typing import Any, ClassVar, Final, get_origin, get_type_hints
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from eventlog.errors import EventNotStorable

KEY_LENGTH: Final = 255
"""The longest id, in characters. PostgreSQL's b-tree indexes refuse keys of about 2,700 bytes."""

# Several of the shorter ones are in one index.
_KEYS: Final = {
    "connection": 64,
    "currency": 8,
    "customer": KEY_LENGTH,
    "mode": 8,
    "number": KEY_LENGTH,
    "origin": 32,
    "provider": 16,
    "type": KEY_LENGTH,
}
_LIBRARY_FIELDS: Final = frozenset(
    {"originator_id", "originator_version", "originator_topic", "timestamp"}
)
_STRICT: Final = ConfigDict(strict=True, arbitrary_types_allowed=True, extra="forbid")


def check_field_types(event: DomainEventProtocol[UUID]) -> None:
    """Compare an event's fields with the annotations of its class. Raises EventNotStorable.

    The error names the fields and holds none of their values.
    """
    fields = {name: value for name, value in vars(event).items() if name not in _LIBRARY_FIELDS}
    kind = type(event)
    try:
        _adapter(kind).validate_python(fields)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        faults = ", ".join(sorted({".".join(map(str, fault["loc"])) for fault in found}))
        raise EventNotStorable(f"{kind.__name__} has fields of another type: {faults}") from None
    for name, longest in _longest_keys(kind):
        value = fields.get(name)
        if isinstance(value, str) and len(value) > longest:
            raise EventNotStorable(f"{kind.__name__}.{name} is longer than {longest} characters")


def longest_key(name: str) -> int | None:
    """Return the bound in characters of a field that is a key; None for other fields."""
    return _KEYS.get(name, KEY_LENGTH if name.endswith("_id") else None)


@cache
def _longest_keys(kind: type) -> list[tuple[str, int]]:
    """Return the fields of an event class that are keys, with their bounds."""
    bounds = ((name, longest_key(name)) for name in field_hints(kind))
    return [(name, longest) for name, longest in bounds if longest is not None]


def field_hints(kind: type) -> dict[str, Any]:
    """Return the types of the fields that an event class declares itself."""
    return {
        name: hint
        for name, hint in get_type_hints(kind).items()
        if name not in _LIBRARY_FIELDS and get_origin(hint) is not ClassVar and name.islower()
    }


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    hints = field_hints(kind)
    make: Any = TypedDict  # its fields are known at run time alone
    return TypeAdapter(with_config(_STRICT)(make("Fields", hints, total=False)))
