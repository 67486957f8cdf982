"""Execute several writes as one statement."""

from collections.abc import Sequence
from functools import lru_cache

import psycopg
from psycopg.rows import TupleRow

Statement = tuple[bytes, Sequence[object]]


async def execute_together(
    cursor: psycopg.AsyncCursor[TupleRow], statements: Sequence[Statement]
) -> None:
    """Execute writes to different rows as one statement; a round trip costs more than a row.

    All but the last one must be writes: the database does not execute a query of which nothing is
    used.
    """
    if statements:
        queries = tuple(query for query, _ in statements)
        parameters = [parameter for _, given in statements for parameter in given]
        await cursor.execute(_together(queries), parameters)


@lru_cache
def _together(queries: tuple[bytes, ...]) -> bytes:
    *others, last = queries
    parts = [b"written_%d AS (%s)" % (number, query) for number, query in enumerate(others)]
    return b"WITH " + b", ".join(parts) + b" " + last if parts else last
