"""PostgreSQL arrays in binary: write the arguments of an append, and read its results.

psycopg's own list dumper finds each item's dumper anew and picks the array's type by its values:
an empty list has none, and integers switch between int2[] and int8[], hence new statements.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

_HEADER: Final = struct.Struct("!iii")
_DIMENSION: Final = struct.Struct("!ii")
_LENGTH: Final = struct.Struct("!i")
_NULL: Final = _LENGTH.pack(-1)
_INT4_ITEM: Final = struct.Struct("!ii")
_INT8_ITEM: Final = struct.Struct("!iq")
_ITEMS_FROM: Final = _HEADER.size + _DIMENSION.size


def int4_array(items: Iterable[int]) -> bytes:
    """Write int[]."""
    pack = _INT4_ITEM.pack
    return _array([pack(4, item) for item in items], item_oid=23)


def int8_array(items: Iterable[int]) -> bytes:
    """Write bigint[]."""
    pack = _INT8_ITEM.pack
    return _array([pack(8, item) for item in items], item_oid=20)


def uuid_array(items: Iterable[UUID | None]) -> bytes:
    """Write uuid[], with NULLs."""
    size = _LENGTH.pack(16)
    parts = [_NULL if item is None else size + item.bytes for item in items]
    return _array(parts, item_oid=2950)


def text_array(items: Iterable[str]) -> bytes:
    """Write text[]."""
    return _array([_with_length(item.encode()) for item in items], item_oid=25)


def bytea_array(items: Iterable[bytes]) -> bytes:
    """Write bytea[]."""
    return _array([_with_length(item) for item in items], item_oid=17)


def _with_length(item: bytes) -> bytes:
    return _LENGTH.pack(len(item)) + item


def _array(parts: Sequence[bytes], *, item_oid: int) -> bytes:
    if not parts:
        return _HEADER.pack(0, 0, item_oid)
    has_nulls = 1 if _NULL in parts else 0
    head = _HEADER.pack(1, has_nulls, item_oid) + _DIMENSION.pack(len(parts), 1)
    return head + b"".join(parts)


def read_int4s(array: bytes) -> list[int | None]:
    """Read int[] with NULLs."""
    return _read_integers(array, _INT4_ITEM)


def read_int8s(array: bytes) -> list[int | None]:
    """Read bigint[] with NULLs."""
    return _read_integers(array, _INT8_ITEM)


def read_uuids(array: bytes) -> list[UUID | None]:
    """Read uuid[] with NULLs."""
    return [None if item is None else UUID(bytes=item) for item in _items(array)]


def _read_integers(array: bytes, item: struct.Struct) -> list[int | None]:
    """Read integers; `item` is the length and the value of one that is not NULL."""
    items = array[_ITEMS_FROM:]
    if len(items) == item.size * _count(array):
        return [value for _, value in item.iter_unpack(items)]
    return [None if part is None else int.from_bytes(part, signed=True) for part in _items(array)]


def _count(array: bytes) -> int:
    """Return the number of items, NULLs included."""
    dimensions, _, _ = _HEADER.unpack_from(array)
    return _DIMENSION.unpack_from(array, _HEADER.size)[0] if dimensions else 0


def _items(array: bytes) -> list[bytes | None]:
    items: list[bytes | None] = []
    start = _ITEMS_FROM
    for _ in range(_count(array)):
        (size,) = _LENGTH.unpack_from(array, start)
        start += _LENGTH.size
        if size < 0:
            items.append(None)
            continue
        items.append(array[start : start + size])
        start += size
    return items
