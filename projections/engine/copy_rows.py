"""Add rows to a table by COPY, in its binary format."""

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import islice
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from projections.engine.tables import Row, Table

_ROWS_AT_ONCE: Final = 500
_BEGIN: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = struct.pack("!h", -1)
_DAY_0: Final = date(2000, 1, 1)
_MOMENT_0: Final = datetime(2000, 1, 1, tzinfo=UTC)
_DAY_S: Final = 86_400
_length: Final = struct.Struct("!i").pack
_int4: Final = struct.Struct("!ii").pack
_int8: Final = struct.Struct("!iq").pack
_columns: Final = struct.Struct("!h").pack


def copy(
    connection: psycopg.Connection[TupleRow], table: Table, rows: Sequence[Row], *, schema: str
) -> None:
    """Add rows, whose values come in the order of the table's columns.

    Their types are those of the columns: an `int` is a bigint, `bytes` are JSON of a jsonb.
    """
    remaining = iter(rows)
    with connection.cursor() as cursor, cursor.copy(_query(table, schema)) as copying:
        copying.write(_BEGIN)
        while some := list(islice(remaining, _ROWS_AT_ONCE)):
            copying.write(_packed(some))
        copying.write(_END)


@lru_cache
def _query(table: Table, schema: str) -> bytes:
    query = SQL("COPY {table} ({columns}) FROM STDIN (FORMAT binary)").format(
        table=table.within(schema), columns=SQL(", ").join(map(Identifier, table.columns))
    )
    return query.as_bytes()


def _packed(rows: Sequence[Row]) -> bytes:
    """Write rows in the binary format of COPY."""
    parts = []
    writers = _WRITERS
    for row in rows:
        parts.append(_columns(len(row)))
        parts += [writers[type(value)](value) for value in row.values()]
    return b"".join(parts)


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
_WRITERS: Final[dict[type, Callable[[Any], bytes]]] = {
    type(None): lambda _: _NULL,
    bool: lambda value: _TRUE if value else _FALSE,
    bytes: lambda value: _length(len(value) + 1) + b"\1" + value,
    date: lambda value: _int4(4, (value - _DAY_0).days),
    datetime: _moment,
    int: lambda value: _int8(8, value),
    str: _text,
    UUID: lambda value: _ID + value.int.to_bytes(16, "big"),
}
