"""Add rows to a table by COPY, in its binary format."""

import struct
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from typing import Final

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from projections.engine.binary_values import WRITERS
from projections.engine.tables import Row, Table

_ROWS_AT_ONCE: Final = 500
_BEGIN: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = struct.pack("!h", -1)
columns: Final = struct.Struct("!h").pack
"""Writes the number of columns, with which each row begins."""


def copy(
    connection: psycopg.Connection[TupleRow], table: Table, rows: Iterable[bytes], *, schema: str
) -> None:
    """Add rows that are written in the binary format, as by `packed`."""
    remaining = iter(rows)
    with connection.cursor() as cursor, cursor.copy(_query(table, schema)) as copying:
        copying.write(_BEGIN)
        while some := b"".join(islice(remaining, _ROWS_AT_ONCE)):
            copying.write(some)
        copying.write(_END)


@lru_cache
def _query(table: Table, schema: str) -> bytes:
    query = SQL("COPY {table} ({columns}) FROM STDIN (FORMAT binary)").format(
        table=table.within(schema), columns=SQL(", ").join(map(Identifier, table.columns))
    )
    return query.as_bytes()


def packed(row: Row) -> bytes:
    """Write a row, whose values come in the order of the table's columns.

    Their types are those of the columns: an `int` is a bigint, `bytes` are JSON of a jsonb.
    """
    writers = WRITERS
    values = [writers[type(value)](value) for value in row.values()]
    return b"".join([columns(len(row)), *values])
