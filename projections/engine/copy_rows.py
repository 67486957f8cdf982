"""Add rows to a table by COPY, in its text format."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from projections.engine.tables import Row, Table

_ROWS_AT_ONCE: Final = 500
_NULL: Final = "\\N"
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy(
    connection: psycopg.Connection[TupleRow], table: Table, rows: Sequence[Row], *, schema: str
) -> None:
    """Add rows, whose values come in the order of the table's columns."""
    query = SQL("COPY {table} ({columns}) FROM STDIN").format(
        table=table.within(schema), columns=SQL(", ").join(map(Identifier, table.columns))
    )
    remaining = iter(rows)
    with connection.cursor() as cursor, cursor.copy(query) as copying:
        while some := list(islice(remaining, _ROWS_AT_ONCE)):
            copying.write(lines(some))


def lines(rows: Sequence[Row]) -> str:
    """Write rows in the text format of COPY."""
    written = []
    for row in rows:
        texts, nulls = [], 0
        for value in row.values():
            kind = type(value)
            if kind is str:
                texts.append(value)
            elif value is None:
                texts.append(_NULL)
                nulls += 1
            else:
                texts.append(_WRITERS[kind](value))
        line = "\t".join(texts)  # type: ignore[arg-type] # what is no str was written as one
        # The only backslashes are those of nulls, and the only tabs those between values.
        is_plain = line.count("\\") == nulls and line.count("\t") < len(texts)
        if not is_plain or "\n" in line or "\r" in line:
            line = "\t".join(map(_escaped, row.values(), texts))
        written.append(line)
    written.append("")
    return "\n".join(written)


def _escaped(value: object, text: object) -> str:
    """Escape a value's text; a null is written as an escape already."""
    written = str(text)
    return written if value is None else written.translate(_ESCAPES)


_WRITERS: Final[dict[type, Callable[[Any], str]]] = {
    bool: lambda value: "t" if value else "f",
    bytes: bytes.decode,
    date: date.isoformat,
    datetime: datetime.isoformat,
    int: str,
    UUID: lambda value: value.hex,
}
