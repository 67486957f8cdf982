"""Find the invoices of several filters by bitmaps, in work that the number of blocks bounds.

A bitmap has a bit for each invoice of a block, and is kept of each value of a facet, each month of
payments and group of amounts, and each term and id that many invoices have (see `ordinals`). All
filters of a list are intersected block by block. That gives the places of its invoices and their
number, of which as many are read as a page needs. Bits only exclude: each invoice found is checked
by its row, so that a bitmap of more than the filter's invoices (a beginning, a month) serves as
well. Words alone are not looked up again where their bits are exact.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal, Placeholder

from projections.engine import cursors, keyset
from projections.engine.keyset import Parameters
from projections.invoices import list_sql as sql
from projections.invoices.bit_sets import BitSet, Block, Place, bits_text, places_of
from projections.invoices.bitmap_values import Filters, amount_group
from projections.invoices.block_periods import Period, is_down
from projections.invoices.list_sql import InvoiceFilter
from projections.invoices.search_terms import query_terms

CHECKED: Final = 250
"""Rows that are read at most to know a total that bits leave open, or a whole list."""
SPARSE: Final = 300
"""Invoices of a block that are found one by one."""
_AND: Final = SQL(" AND ")

_BITS: Final = SQL(
    """
CROSS JOIN LATERAL (
    SELECT bit_or(known.bits) AS bits FROM read.invoice_bitmaps AS known
    WHERE known.app_id = %(app_id)s AND known.value = ANY({values}::text[])
        AND known.block = block.block
) AS {name}
"""
)
_EITHER: Final = SQL("(coalesce({name}.bits | {sure}.bits, {name}.bits, {sure}.bits))")
_HITS: Final = SQL(
    "SELECT block.block, block.from_at, {inside} AS is_inside, {bits} AS bits, {sure} AS sure"
    " FROM read.invoice_blocks AS block {joins} WHERE block.app_id = %(app_id)s AND {created}"
)
# Ordinals mean the same invoices, but for those that have lost theirs, until it changes.
NUMBERING: Final = SQL(
    "(SELECT concat_ws(' ', (SELECT number FROM read.generations"
    " WHERE projection = 'invoices' AND state = 'active'),"
    " (SELECT sum(items) FROM read.invoice_blocks WHERE app_id = %(app_id)s)))"
)
# While ordinals mean the same, invoices only begin to wait for one: as many are the same ones.
WAITING: Final = SQL(
    "(SELECT count(*) FROM read.invoice_ordinals WHERE app_id = %(app_id)s AND block IS NULL)"
)
# -infinity, where the first block begins, is no time of Python.
_COUNT: Final = SQL(
    """
SELECT block, nullif(from_at, '-infinity') AS from_at, items, unsure,
    {numbering} AS numbering, {waiting} AS waiting,
    CASE WHEN items > 0 AND before < {sent} THEN bit_send(bits) END AS bits,
    CASE WHEN unsure BETWEEN 1 AND {checked} THEN bit_send({unsure}) END AS unsure_bits
FROM (
    SELECT *, coalesce(sum(items) OVER (
        ORDER BY from_at {direction} RANGE UNBOUNDED PRECEDING EXCLUDE GROUP
    ), 0) AS before
    FROM (
        SELECT *, coalesce(bit_count(bits), 0) AS items,
            coalesce(bit_count({unsure}), 0) AS unsure
        FROM ({hits} OFFSET 0) AS hit OFFSET 0
    ) AS hit
) AS hit ORDER BY hit.from_at {direction}, block
"""
)
_OF_AMOUNTS: Final = SQL(
    "SELECT value, block, bit_send(bits) AS bits FROM read.invoice_bitmaps"
    " WHERE app_id = %(app_id)s AND block = ANY(%(blocks)s::int[]) AND value = ANY(%(values)s)"
)
_LARGEST: Final = SQL(
    "SELECT coalesce(total_minor, 0) AS total_minor FROM read.invoices WHERE app_id = %(app_id)s"
    " ORDER BY coalesce(total_minor, 0) DESC, invoice_id DESC LIMIT 1"
)
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
FROM unnest(%(dense)s::int[], %(dense_bits)s::bit(16384)[]) AS hits (block, bits)
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


def count_query(filters: InvoiceFilter, of: Filters) -> tuple[Composed, Parameters]:
    """Write the statement that intersects all filters, in the order of the blocks' times.

    A first page in the order of creation needs the bits of the first blocks alone, but all of those
    that are of one time: any of them may have its newest or oldest invoice.
    """
    is_first = filters.cursor is None and filters.sort.endswith("createdAt")
    query = _COUNT.format(
        hits=_hits(filters, of),
        unsure=_unsure(of),
        numbering=NUMBERING,
        waiting=WAITING,
        direction=_direction(filters),
        sent=SQL("5000" if is_first else "'infinity'::float8"),
        checked=Literal(CHECKED),
    )
    return query, sql.parameters_of(filters) | _parameters(of)


def largest_query(filters: InvoiceFilter) -> tuple[Composed, Parameters]:
    """Write the statement that finds the largest total of an app."""
    return SQL("{}").format(_LARGEST), {"app_id": filters.app_id}


def amounts_query(
    filters: InvoiceFilter, found: BitSet, values: Sequence[str]
) -> tuple[Composed, Parameters]:
    """Write the statement that reads values of totals, of the blocks that a list has."""
    blocks = [one.number for one in found.blocks if one.bits]
    given: Parameters = {"app_id": filters.app_id, "blocks": blocks, "values": list(values)}
    return SQL("{}").format(_OF_AMOUNTS), given


def groups_of(filters: InvoiceFilter, largest_minor: int) -> tuple[int, int, int | None]:
    """Return the least and the largest group of totals behind the cursor, and the cursor's own."""
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


def found_query(
    filters: InvoiceFilter, of: Filters, candidates: Candidates
) -> tuple[Composed, Parameters]:
    """Write the statement that finds the candidates of a page, with its parameters."""
    period, bounds = _created(filters, candidates)
    dense = [one for one in candidates.blocks if one.items > SPARSE]
    is_limited = candidates.most is not None
    sparse = [one for one in candidates.blocks if not is_limited or one.items <= SPARSE]
    unnumbered = [*_unnumbered(filters, of)]
    of_groups = [_OF_GROUPS] if candidates.groups is not None else []
    query = _FOUND.format(
        sparse=_at_places("found", period),
        dense=_OF_DENSE.format(period=period, direction=_direction(filters))
        if dense and is_limited
        else SQL(""),
        period=period,
        unnumbered=_AND.join([SQL("true"), *of_groups, *unnumbered]),
        direction=_direction(filters),
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
        "dense_bits": [bits_text(one.bits) for one in dense] if is_limited else [],
        **_places("found", places_of(sparse)),
        **_places("counted", candidates.counted or ()),
    }
    return query, bounds | more


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


def _unsure(of: Filters) -> SQL:
    """Write the bits of invoices that may not fit."""
    if not of.is_sure:
        return SQL("bits")
    if of.sure == of.values:
        return SQL("CASE WHEN NOT is_inside THEN bits END")
    return SQL("CASE WHEN is_inside AND sure IS NOT NULL THEN bits & ~ sure ELSE bits END")


def _hits(filters: InvoiceFilter, of: Filters) -> Composed:
    names = [Identifier(f"filter_{number}") for number in range(len(of.values))]
    partly = [
        number for number, one in enumerate(of.values) if of.is_sure and of.sure[number] != one
    ]
    joins = [
        _BITS.format(
            values=Placeholder(f"{'others' if number in partly else 'values'}_{number}"), name=name
        )
        for number, name in enumerate(names)
    ] + [
        _BITS.format(values=Placeholder(f"sure_{number}"), name=Identifier(f"sure_{number}"))
        for number in partly
    ]
    every, sure = list[Composable](), list[Composable]()
    for number, name in enumerate(names):
        if number in partly:
            sure.append(SQL("{}.bits").format(Identifier(f"sure_{number}")))
            every.append(_EITHER.format(name=name, sure=Identifier(f"sure_{number}")))
        else:
            sure.append(SQL("{}.bits").format(name))
            every.append(sure[-1])
    created: list[Composable] = [SQL("true")]
    inside: list[Composable] = [SQL("true")]
    if filters.created_from is not None:
        created.append(SQL("block.last_at >= %(created_from)s"))
        inside.append(SQL("block.first_at >= %(created_from)s"))
    if filters.created_to is not None:
        created.append(SQL("block.from_at < %(created_to)s"))
        inside.append(SQL("block.last_at < %(created_to)s"))
    return _HITS.format(
        bits=SQL(" & ").join(every),
        sure=SQL(" & ").join(sure) if partly else SQL("NULL"),
        joins=SQL("").join(joins),
        inside=_AND.join(inside),
        created=_AND.join(created),
    )


def _parameters(of: Filters) -> Parameters:
    """Return the values of each filter, and apart those that are sure where only some are."""
    found: Parameters = {}
    for number, (values, sure) in enumerate(zip(of.values, of.sure, strict=True)):
        found[f"sure_{number}"] = sure
        found[f"values_{number}"] = values
        found[f"others_{number}"] = [one for one in values if one not in sure]
    return found


def _direction(filters: InvoiceFilter) -> SQL:
    return SQL("DESC" if is_down(filters) else "ASC")
