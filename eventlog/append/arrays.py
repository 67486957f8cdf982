"""PostgreSQL arrays in binary, an item in a few bytes joined.

psycopg's own list dumper finds each item's dumper anew and picks the array's type by its values:
an empty list has none, and integers switch between int2[] and int8[], hence new statements.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = struct.Struct("!iii")
_DIMENSION = struct.Struct("!ii")
_LENGTH = struct.Struct("!i")
_NULL = _LENGTH.pack(-1)
_INT4 = struct.Struct("!i")
_INT8 = struct.Struct("!q")


def _array(items: Sequence[bytes | None], *, item_oid: int) -> bytes:
    if not items:
        return _HEADER.pack(0, 0, item_oid)
    head = _HEADER.pack(1, 1 if None in items else 0, item_oid) + _DIMENSION.pack(len(items), 1)
    pack = _LENGTH.pack
    parts = [_NULL if item is None else pack(len(item)) + item for item in items]
    return head + b"".join(parts)


@dataclass(frozen=True, slots=True)
class Int4Array:
    """int[]."""

    ITEM_OID: ClassVar[int] = 23
    items: Iterable[int]

    def dump(self) -> bytes:
        """Encode."""
        return _array([_INT4.pack(item) for item in self.items], item_oid=self.ITEM_OID)


@dataclass(frozen=True, slots=True)
class Int8Array:
    """bigint[]."""

    ITEM_OID: ClassVar[int] = 20
    items: Iterable[int]

    def dump(self) -> bytes:
        """Encode."""
        return _array([_INT8.pack(item) for item in self.items], item_oid=self.ITEM_OID)


@dataclass(frozen=True, slots=True)
class UuidArray:
    """uuid[], with NULLs."""

    ITEM_OID: ClassVar[int] = 2950
    items: Iterable[UUID | None]

    def dump(self) -> bytes:
        """Encode."""
        items = [None if item is None else item.bytes for item in self.items]
        return _array(items, item_oid=self.ITEM_OID)


@dataclass(frozen=True, slots=True)
class TextArray:
    """text[]."""

    ITEM_OID: ClassVar[int] = 25
    items: Iterable[str]

    def dump(self) -> bytes:
        """Encode."""
        return _array([item.encode() for item in self.items], item_oid=self.ITEM_OID)


@dataclass(frozen=True, slots=True)
class ByteaArray:
    """bytea[]."""

    ITEM_OID: ClassVar[int] = 17
    items: Iterable[bytes]

    def dump(self) -> bytes:
        """Encode."""
        return _array([bytes(item) for item in self.items], item_oid=self.ITEM_OID)


_Array = Int4Array | Int8Array | UuidArray | TextArray | ByteaArray


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: _Array) -> bytes:
        return obj.dump()


def _dumper(array_oid: int) -> type[_ArrayDumper]:
    return type("_ArrayDumper", (_ArrayDumper,), {"oid": array_oid})


_DUMPERS: dict[type[_Array], type[_ArrayDumper]] = {
    Int4Array: _dumper(1007),
    Int8Array: _dumper(1016),
    UuidArray: _dumper(2951),
    TextArray: _dumper(1009),
    ByteaArray: _dumper(1001),
}


def register_arrays(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    """Register the classes above as parameter types of the connection."""
    for array, dumper in _DUMPERS.items():
        connection.adapters.register_dumper(array, dumper)
