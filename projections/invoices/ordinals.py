"""Give invoices their places in bitmaps, by which lists with several filters are read.

The newest invoices of an app have no place yet, and one that is filtered anew loses its own: lists
check their rows. When there are `UNNUMBERED`, the database sets their bits, all in one statement.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Final, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from eventlog.database.statements import Statement
from eventlog.follow.handler import Cursor
from projections.engine.binary_values import array
from projections.invoices.accumulate import InvoiceAccumulator
from projections.invoices.invoice_rows import INVOICES
from projections.invoices.search_term_rows import SEARCH_TERMS

UNNUMBERED: Final = 256
"""Invoices of an app that wait for their bits, at most."""
TABLES: Final = ("invoice_ordinals", "invoice_blocks", "invoice_bitmaps", "invoice_common_values")
"""Tables made of those of the invoices; a rebuild numbers all when it indexes the first."""
MADE_OF: Final = (INVOICES.name, SEARCH_TERMS.name)

_ADD: Final[LiteralString] = (
    "INSERT INTO {ordinals} (invoice_id, app_id, created_at)"
    " SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[])"
)
_ADD_UNKNOWN: Final[LiteralString] = _ADD + " ON CONFLICT (invoice_id) DO NOTHING"
_FREE: Final[LiteralString] = (
    "UPDATE {ordinals} SET block = NULL, ordinal = NULL"
    " WHERE invoice_id = ANY(%s) AND block IS NOT NULL"
)
# One statement with the one before sees the places that it takes away.
_CLEAR: Final[LiteralString] = """
UPDATE {bitmaps} AS known SET bits = known.bits & ~ old.bits
FROM (
    SELECT app_id, block, bit_or(set_bit(repeat('0', 16384)::bit(16384), ordinal, 1)) AS bits
    FROM {ordinals} WHERE invoice_id = ANY(%s) AND block IS NOT NULL GROUP BY app_id, block
) AS old
WHERE known.app_id = old.app_id AND known.block = old.block AND known.value = 'numbered'
"""
_BLOCKS: Final[LiteralString] = """
SELECT app_id, block, part FROM {blocks}, unnest(ARRAY['rows', 'terms']) AS part ORDER BY items DESC
"""
_NUMBER: Final = (
    "SELECT app_id, read.number_if_enough(%s, app_id, %s) FROM unnest(%s::uuid[]) AS given (app_id)"
)


class Waiting:
    """Counts the invoices of each app that wait for their bits: as many as wait, or more."""

    def __init__(self) -> None:
        self._most: dict[UUID, int] = {}

    def add(self, changed: Iterable[InvoiceAccumulator]) -> bool:
        """Add invoices that a batch made or filters anew.

        Return False where their app was not counted yet, or may have enough to be numbered.
        """
        found = True
        for app_id, items in Counter(one.app_id for one in changed).items():
            known = self._most.get(app_id, UNNUMBERED) + items
            self._most[app_id] = known
            found = found and known < UNNUMBERED
        return found

    async def number(self, cursor: Cursor, *, schema: str) -> None:
        """After the rows and terms of a batch: number the invoices of apps that may have enough."""
        if await self._number(cursor, schema=schema):
            self._most.update(await cursor.fetchall())

    async def number_meanwhile(self, cursor: Cursor, *, schema: str) -> None:
        """Do the same in a pipeline, of which no answer is read."""
        apps = await self._number(cursor, schema=schema)
        self._most.update(dict.fromkeys(apps, UNNUMBERED - 1))

    async def _number(self, cursor: Cursor, *, schema: str) -> list[UUID]:
        apps = [app_id for app_id, most in self._most.items() if most >= UNNUMBERED]
        if apps:
            await cursor.execute(_NUMBER, [schema, UNNUMBERED, apps])
        return apps


def filtered_anew(invoices: Iterable[InvoiceAccumulator]) -> list[InvoiceAccumulator]:
    """Return the invoices that a batch made, or that lists may have or leave out since."""
    return [one for one in invoices if one.view is not None and one.is_filtered_anew]


def tracking(
    changed: Iterable[InvoiceAccumulator], *, schema: str, are_new: bool = False
) -> list[Statement]:
    """Return the statements that let invoices wait, all to be executed as one.

    A changed invoice's bits stay where they were, but for the one of all numbered invoices.
    `are_new`: none of them has a row yet.
    """
    given = [(one.view.id, one.app_id, one.view.created_at) for one in changed if one.view]
    if not given:
        return []
    types = ("uuid", "uuid", "timestamptz")
    columns = [array(*one) for one in zip(types, zip(*given, strict=True), strict=True)]
    if are_new:
        return [(_written(_ADD, schema), columns)]
    invoice_ids = columns[0]
    return [
        (_written(_ADD_UNKNOWN, schema), columns),
        (_written(_FREE, schema), [invoice_ids]),
        (_written(_CLEAR, schema), [invoice_ids]),
    ]


def bits_of_blocks(
    connection: psycopg.Connection[TupleRow], schema: str
) -> list[Callable[[psycopg.Connection[TupleRow]], None]]:
    """Return what sets the bits of a rebuild's numbered invoices, to be called in any order."""
    found = connection.execute(_written(_BLOCKS, schema)).fetchall()
    return [partial(_add_bits, [schema, app_id, block, part]) for app_id, block, part in found]


def _add_bits(values: list[object], connection: psycopg.Connection[TupleRow]) -> None:
    connection.execute("SELECT read.add_invoice_bits(%s, %s, %s, 0, %s)", values)


@lru_cache
def _written(query: LiteralString, schema: str) -> bytes:
    return (
        SQL(query)
        .format(
            ordinals=Identifier(schema, "invoice_ordinals"),
            bitmaps=Identifier(schema, "invoice_bitmaps"),
            blocks=Identifier(schema, "invoice_blocks"),
        )
        .as_bytes()
    )
