"""Find the groups of totals of a list by bitmaps, for pages in the order of totals."""

from collections.abc import Sequence
from typing import Final

from psycopg.sql import SQL, Composed, Placeholder

from projections.engine import cursors
from projections.engine.keyset import Parameters
from projections.invoices.lists.amount_groups import amount_group
from projections.invoices.lists.bitmaps.bit_sets import BitSet, packed, unpacked
from projections.invoices.lists.bitmaps.block_periods import is_down
from projections.invoices.lists.list_sql import InvoiceFilter

_OF_AMOUNTS: Final = SQL(
    """
SELECT value, block, bit_send(bits) AS bits FROM (
    SELECT known.value, known.block, known.bits & list.bits AS bits
    FROM {list} AS list CROSS JOIN LATERAL (
        SELECT value, block, bits FROM read.invoice_bitmaps
        WHERE app_id = %(app_id)s AND block = list.block AND value = ANY(%(values)s::text[])
    ) AS known OFFSET 0
) AS found WHERE bit_count(bits) > 0
"""
)
_LARGEST: Final = SQL(
    "SELECT coalesce(total_minor, 0) AS total_minor FROM read.invoices WHERE app_id = %(app_id)s"
    " ORDER BY coalesce(total_minor, 0) DESC, invoice_id DESC LIMIT 1"
)


def largest_query(filters: InvoiceFilter) -> tuple[Composed, Parameters]:
    """Write the statement that finds the largest total of an app."""
    return SQL("{}").format(_LARGEST), {"app_id": filters.app_id}


def amounts_query(
    filters: InvoiceFilter, found: BitSet, values: Sequence[str]
) -> tuple[Composed, Parameters]:
    """Write the statement that intersects a list with values of totals."""
    blocks = [one for one in found.blocks if one.bits]
    given: Parameters = {
        "app_id": filters.app_id,
        "blocks": [one.number for one in blocks],
        "block_bits": packed(blocks),
        "values": list(values),
    }
    bits = unpacked(blocks=Placeholder("blocks"), bits=Placeholder("block_bits"))
    return _OF_AMOUNTS.format(list=bits), given


def groups_of(filters: InvoiceFilter, largest_minor: int) -> tuple[int, int, int | None]:
    """Return the least and the largest group of totals behind the cursor, and the cursor's own.

    `largest_minor`: no total of the list is larger.
    """
    last = amount_group(max(largest_minor, 0))
    if filters.amount_max is not None:
        last = min(last, amount_group(filters.amount_max))
    first = amount_group(filters.amount_min or 0)
    if filters.cursor is None:
        return first, last, None
    key = cursors.read(filters.cursor, list_name=filters.list_name)
    at = amount_group(max(key.value, 0))
    first, last = (first, min(at, last)) if is_down(filters) else (max(at, first), last)
    return first, last, at
