"""Find the invoices of a page at the places that bits give.

Words alone are not looked up again where their bits are exact.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from psycopg.sql import SQL, Composable, Composed, Placeholder

from projections.engine import keyset
from projections.engine.keyset import Parameters
from projections.invoices.lists import list_sql as sql
from projections.invoices.lists.bitmaps.bit_sets import (
    BITS,
    BitSet,
    Block,
    Place,
    packed,
    places_of,
    unpacked,
)
from projections.invoices.lists.bitmaps.bitmap_values import Filters
from projections.invoices.lists.bitmaps.block_periods import Period, is_down
from projections.invoices.lists.list_sql import InvoiceFilter
from projections.invoices.search_terms import query_terms

_LOOKUP: Final = 7
"""Entries of a block's order that are passed in the time in which one place is looked up."""
_AND: Final = SQL(" AND ")

_OF_GROUPS: Final = SQL(
    "EXISTS (SELECT FROM read.invoices AS own WHERE own.invoice_id = known.invoice_id"
    " AND read.amount_group(coalesce(own.total_minor, 0)) = ANY(%(groups)s::int[]) OFFSET 0)"
)
_AT_PLACES: Final = SQL(
    """
SELECT known.invoice_id, known.created_at
FROM unnest({blocks}::int[], {ordinals}::int[]) AS given (block, ordinal)
CROSS JOIN LATERAL (
    SELECT numbered.invoice_id, numbered.created_at FROM read.invoice_ordinals AS numbered
    WHERE numbered.app_id = %(app_id)s AND numbered.block = given.block
        AND numbered.ordinal = given.ordinal OFFSET 0
) AS known WHERE {period}
"""
)
_OF_DENSE: Final = SQL(
    """
UNION ALL
SELECT known.invoice_id, known.created_at
FROM {hits} AS hits
CROSS JOIN LATERAL (
    SELECT known.invoice_id, known.created_at FROM read.invoice_ordinals AS known
    WHERE known.app_id = %(app_id)s AND known.block = hits.block
        AND get_bit(hits.bits, known.ordinal) = 1 AND {period}
    ORDER BY created_at {direction}, invoice_id {direction} LIMIT %(most_found)s
) AS known
"""
)
# A block with few invoices by their ordinals; one with many in the order of creation. What has no
# block yet may be anything.
_FOUND: Final = SQL(
    """
(SELECT invoice_id, true AS is_paged, false AS is_counted FROM (
    {sparse} {dense}
    UNION ALL
    SELECT known.invoice_id, known.created_at FROM read.invoice_ordinals AS known
    WHERE known.app_id = %(app_id)s AND known.block IS NULL AND {period} AND {unnumbered}
 ) AS known ORDER BY created_at {direction}, invoice_id {direction} LIMIT %(most_found)s)
{counted}
"""
)
_COUNTED: Final = SQL(
    """
UNION ALL SELECT invoice_id, false, true FROM ({unsure}) AS known
UNION ALL
SELECT known.invoice_id, false, true FROM read.invoice_ordinals AS known
WHERE known.app_id = %(app_id)s AND known.block IS NULL AND {unnumbered}
"""
)


@dataclass(frozen=True)
class Candidates:
    """Invoices whose rows are to be read for a page, and those to be counted as well.

    `most`: only so many, the first ones behind the cursor. `groups`: those without a number only of
    some totals. `counted`: places of invoices that may not fit; None: nothing is counted.
    """

    blocks: Sequence[Block]
    period: Period = field(default_factory=Period)
    most: int | None = None
    groups: Sequence[int] | None = None
    counted: Sequence[Place] | None = None


def found_query(
    filters: InvoiceFilter, of: Filters, candidates: Candidates
) -> tuple[Composed, Parameters]:
    """Write the statement that finds the candidates of a page, with its parameters."""
    period, bounds = _created(filters, candidates)
    dense = [one for one in candidates.blocks if _is_dense(one, most=candidates.most)]
    sparse = [one for one in candidates.blocks if one not in dense]
    unnumbered = [*_unnumbered(filters, of)]
    of_groups = [_OF_GROUPS] if candidates.groups is not None else []
    hits = unpacked(blocks=Placeholder("dense"), bits=Placeholder("dense_bits"))
    query = _FOUND.format(
        sparse=_at_places("found", period),
        dense=_OF_DENSE.format(hits=hits, period=period, direction=sql.direction(filters))
        if dense
        else SQL(""),
        period=period,
        unnumbered=_AND.join([SQL("true"), *of_groups, *unnumbered]),
        direction=sql.direction(filters),
        counted=SQL("")
        if candidates.counted is None
        else _COUNTED.format(
            unsure=_at_places("counted", SQL("true")),
            unnumbered=_AND.join([SQL("true"), *unnumbered]),
        ),
    )
    more: Parameters = {
        "most_found": candidates.most,
        "groups": None if candidates.groups is None else list(candidates.groups),
        "dense": [one.number for one in dense],
        "dense_bits": packed(dense),
        **_places("found", places_of(sparse)),
        **_places("counted", candidates.counted or ()),
    }
    return query, bounds | more


def _is_dense(block: Block, *, most: int | None) -> bool:
    """Return whether the first of a block's places are found faster in its order than one by one.

    In its order, so many times as many entries are passed as it has other invoices.
    """
    return most is not None and _LOOKUP * block.items**2 > BITS * most


def blocks_within(found: BitSet, period: Period) -> list[Block]:
    """Return the blocks of a list that have invoices and may be of a period."""
    return [one for one in found.blocks if one.bits and period.has_block(one.from_at)]


def _created(filters: InvoiceFilter, candidates: Candidates) -> tuple[Composed, Parameters]:
    period = candidates.period
    bounds = {"block_start": period.start, "block_end": period.end}
    created = [SQL("true"), *keyset.bound_conditions(filters, sql.CREATED)]
    if period.start is not None:
        created.append(SQL("known.created_at >= %(block_start)s"))
    if period.end is not None:
        created.append(SQL("known.created_at < %(block_end)s"))
    if candidates.most is not None and filters.cursor is not None:
        side = SQL("<=" if is_down(filters) else ">=")
        created.append(SQL("known.created_at {} %(after)s").format(side))
    return _AND.join(created), {n: at for n, at in bounds.items() if at is not None}


def _at_places(name: str, period: Composable) -> Composed:
    return _AT_PLACES.format(
        blocks=Placeholder(f"{name}_blocks"),
        ordinals=Placeholder(f"{name}_ordinals"),
        period=period,
    )


def _places(name: str, places: Sequence[Place]) -> Parameters:
    return {
        f"{name}_blocks": [block for block, _ in places],
        f"{name}_ordinals": [ordinal for _, ordinal in places],
    }


def _unnumbered(filters: InvoiceFilter, of: Filters) -> Iterator[Composable]:
    """Write what the bits tell of numbered invoices and no row is checked for later."""
    others = set(range(len(query_terms(filters.q or "")))) - of.exact_words
    yield from sql.term_conditions(filters, (), table="known", but=others)
