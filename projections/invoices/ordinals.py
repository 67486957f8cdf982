"""Give invoices their places in bitmaps, by which lists with several filters are read.

The newest invoices of an app have no place yet, and one that is filtered anew loses its own: lists
check their rows. When there are `UNNUMBERED`, the database sets their bits, all in one statement.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from psycopg.sql import SQL, Identifier, Literal

from eventlog.follow.handler import Cursor
from projections.invoices.accumulate import InvoiceAccumulator

UNNUMBERED: Final = 256
"""Invoices of an app that wait for their bits, at most."""
TABLES: Final = ("invoice_ordinals", "invoice_blocks", "invoice_bitmaps", "invoice_common_values")
"""Tables that are made of those of the invoices; a rebuild fills them when it indexes the first."""

_TRACK: Final = SQL(
    """
WITH given AS (
    SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[])
        AS given (invoice_id, app_id, created_at)
), numbered AS MATERIALIZED (
    SELECT known.* FROM given JOIN {ordinals} AS known USING (invoice_id)
    WHERE known.block IS NOT NULL
), changed AS (
    UPDATE {ordinals} AS known SET block = NULL, ordinal = NULL
    FROM numbered WHERE known.invoice_id = numbered.invoice_id
), cleared AS (
    UPDATE {bitmaps} AS known SET bits = known.bits & ~ old.bits
    FROM (
        SELECT app_id, block, bit_or(set_bit(repeat('0', 16384)::bit(16384), ordinal, 1)) AS bits
        FROM numbered GROUP BY app_id, block
    ) AS old
    WHERE known.app_id = old.app_id AND known.block = old.block AND known.value = 'numbered'
), added AS (
    INSERT INTO {ordinals} (invoice_id, app_id, created_at) SELECT * FROM given
    ON CONFLICT (invoice_id) DO NOTHING
)
SELECT app_id FROM given GROUP BY app_id HAVING count(*) + (
    SELECT count(*) FROM (
        SELECT FROM {ordinals} AS known
        WHERE known.app_id = given.app_id AND known.block IS NULL LIMIT {most}
    ) AS waiting
) >= {most}
"""
)
_NUMBER: Final = "SELECT read.number_invoices(%s, %s)"


async def track(cursor: Cursor, invoices: Iterable[InvoiceAccumulator], *, schema: str) -> None:
    """Record which invoices a batch made or filters anew, after their rows and terms are written.

    A changed invoice's bits stay where they were, but for the one of all numbered invoices.
    """
    given = [
        (one.view.id, one.view.app_id, one.view.created_at)
        for one in invoices
        if one.view is not None and one.is_filtered_anew
    ]
    if not given:
        return
    await cursor.execute(
        _track_query(schema), [list(column) for column in zip(*given, strict=True)]
    )
    for (app_id,) in await cursor.fetchall():
        await cursor.execute(_NUMBER, [schema, app_id])


@lru_cache
def _track_query(schema: str) -> bytes:
    return _TRACK.format(
        ordinals=Identifier(schema, "invoice_ordinals"),
        bitmaps=Identifier(schema, "invoice_bitmaps"),
        most=Literal(UNNUMBERED),
    ).as_bytes()
