"""Write values in PostgreSQL's binary formats, each with its length before it."""

import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_DAY_0: Final = date(2000, 1, 1)
_MOMENT_0: Final = datetime(2000, 1, 1, tzinfo=UTC)
_DAY_S: Final = 86_400
_length: Final = struct.Struct("!i").pack
_int4: Final = struct.Struct("!ii").pack
_int8: Final = struct.Struct("!iq").pack
_five_int4: Final = struct.Struct("!5i").pack


def _json(value: bytes) -> bytes:
    return _length(len(value) + 1) + b"\1" + value


def _text(value: str) -> bytes:
    encoded = value.encode()
    return _length(len(encoded)) + encoded


@lru_cache(maxsize=256)
def _moment(value: datetime) -> bytes:
    """Write the microseconds since 2000. A row has the same moments as the next one, often."""
    since = value - _MOMENT_0
    return _int8(8, (since.days * _DAY_S + since.seconds) * 1_000_000 + since.microseconds)


_NULL: Final = _length(-1)
_ID: Final = _length(16)
_TRUE: Final = _length(1) + b"\1"
_FALSE: Final = _length(1) + b"\0"
WRITERS: Final[dict[type, Callable[[Any], bytes]]] = {
    type(None): lambda _: _NULL,
    bool: lambda value: _TRUE if value else _FALSE,
    bytes: _json,
    date: lambda value: _int4(4, (value - _DAY_0).days),
    datetime: _moment,
    int: lambda value: _int8(8, value),
    str: _text,
    UUID: lambda value: _ID + value.int.to_bytes(16, "big"),
}
"""Writers by the types of values: an `int` is a bigint, `bytes` are JSON of a jsonb."""


def in_order_of_jsonb(names: Iterable[str]) -> list[str]:
    """Sort names as PostgreSQL sorts the keys of an object: it need not, if they come like this."""
    return sorted(names, key=lambda name: (len(name.encode()), name.encode()))


class Array(bytes):
    """A parameter that is an array, written already; each type of elements has a class below."""


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        return obj


class _ArrayType(NamedTuple):
    """The number of a type of elements, and the class of a parameter that is an array of them."""

    element_oid: int
    parameter: type[Array]


def _array_type(element_oid: int, oid: int) -> _ArrayType:
    parameter = type("Array", (Array,), {})
    psycopg.adapters.register_dumper(parameter, type("Dumper", (_ArrayDumper,), {"oid": oid}))
    return _ArrayType(element_oid, parameter)


_ARRAY_TYPES: Final = {
    "bigint": _array_type(20, 1016),
    "boolean": _array_type(16, 1000),
    "jsonb": _array_type(3802, 3807),
    "text": _array_type(25, 1009),
    "timestamptz": _array_type(1184, 1185),
    "uuid": _array_type(2950, 2951),
}


def array(type_name: str, values: Sequence[Any]) -> Array:
    """Write values of one type, or None, as an array; there is one at least."""
    element_oid, parameter = _ARRAY_TYPES[type_name]
    writers = WRITERS
    head = _five_int4(1, 1, element_oid, len(values), 1)  # dimensions, has nulls, size, first index
    return parameter(b"".join([head, *[writers[type(value)](value) for value in values]]))
