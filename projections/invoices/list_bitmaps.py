"""Find the invoices of several filters by bitmaps, in work that the number of blocks bounds.

A bitmap has a bit for each invoice of a block, and is kept of each value of a facet, each month of
payments and group of amounts, and each term and id that many invoices have (see `ordinals`). All
filters of a list are intersected block by block, which first gives numbers, then the invoices of as
many blocks as a page needs. Bits only exclude: each invoice found is checked by its row, so that a
bitmap of more than the filter's invoices (a beginning, a month) serves as well. Words alone are not
looked up again where their bits are exact.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal, Placeholder

from projections.engine import cursors, keyset
from projections.engine.keyset import Parameters
from projections.invoices import list_sql as sql
from projections.invoices.bitmap_values import Filters, amount_group
from projections.invoices.list_plan import Source
from projections.invoices.list_sql import InvoiceFilter
from projections.invoices.search_terms import query_terms

_SPARSE: Final = 300
"""Invoices of a block that are found one by one."""
_AND: Final = SQL(" AND ")
_MICROSECOND: Final = timedelta(microseconds=1)
_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC)

_BITS: Final = SQL(
    """
CROSS JOIN LATERAL (
    SELECT bit_or(known.bits) AS bits FROM read.invoice_bitmaps AS known
    WHERE known.app_id = %(app_id)s AND known.value = ANY({values}::text[])
        AND known.block = block.block
) AS {name}
"""
)
_HITS: Final = SQL(
    "SELECT block.block, block.from_at, {bits} AS bits FROM read.invoice_blocks AS block {joins}"
    " WHERE block.app_id = %(app_id)s AND {conditions}"
)
# -infinity, where the first block begins, is no time of Python.
_COUNT: Final = SQL(
    """
SELECT nullif(from_at, '-infinity') AS from_at, coalesce(sum(bit_count(bits)), 0)::bigint AS items
FROM ({hits} OFFSET 0) AS hit GROUP BY hit.from_at
ORDER BY hit.from_at {direction}
"""
)
_COUNT_AMOUNTS: Final = SQL(
    """
SELECT known.value, sum(bit_count(hit.bits & known.bits))::bigint AS items
FROM ({hits} OFFSET 0) AS hit JOIN read.invoice_bitmaps AS known
    ON known.app_id = %(app_id)s AND known.block = hit.block
    AND known.value = ANY(%(amounts)s::text[])
WHERE hit.bits IS NOT NULL GROUP BY known.value
"""
)
_LARGEST: Final = SQL(
    "SELECT coalesce(total_minor, 0) AS total_minor FROM read.invoices WHERE app_id = %(app_id)s"
    " ORDER BY coalesce(total_minor, 0) DESC, invoice_id DESC LIMIT 1"
)
_OF_GROUPS: Final = SQL(
    "EXISTS (SELECT FROM read.invoices AS own WHERE own.invoice_id = known.invoice_id"
    " AND read.amount_group(coalesce(own.total_minor, 0)) = ANY(%(groups)s::int[]) OFFSET 0)"
)
# A block with few of them by their ordinals, 128 bits at a time; one with many in the order of
# creation. What has no block yet may be anything.
_FOUND: Final = SQL(
    """
(WITH hits AS MATERIALIZED (
    SELECT *, bit_count(bits) AS items FROM ({hits} OFFSET 0) AS hit WHERE bits IS NOT NULL
) SELECT invoice_id FROM (
 SELECT known.invoice_id, known.created_at FROM hits
 CROSS JOIN LATERAL (
    SELECT number FROM generate_series(0, 127) AS number
    WHERE substring(hits.bits FROM number * 128 + 1 FOR 128) <> repeat('0', 128)::bit(128) OFFSET 0
 ) AS part
 CROSS JOIN LATERAL (
    SELECT part.number * 128 + number AS ordinal FROM generate_series(0, 127) AS number
    WHERE get_bit(hits.bits, part.number * 128 + number) = 1 OFFSET 0
 ) AS bit
 CROSS JOIN LATERAL (
    SELECT numbered.invoice_id, numbered.created_at FROM read.invoice_ordinals AS numbered
    WHERE numbered.app_id = %(app_id)s AND numbered.block = hits.block
        AND numbered.ordinal = bit.ordinal OFFSET 0
 ) AS known
 WHERE hits.items BETWEEN 1 AND {sparse} AND {period}
 UNION ALL
 SELECT known.invoice_id, known.created_at FROM hits CROSS JOIN LATERAL (
    SELECT known.invoice_id, known.created_at FROM read.invoice_ordinals AS known
    WHERE known.app_id = %(app_id)s AND known.block = hits.block
        AND get_bit(hits.bits, known.ordinal) = 1 AND {period}
    ORDER BY created_at {direction}, invoice_id {direction} LIMIT %(most_found)s
 ) AS known
 WHERE hits.items > {sparse}
 UNION ALL
 SELECT known.invoice_id, known.created_at FROM read.invoice_ordinals AS known
 WHERE known.app_id = %(app_id)s AND known.block IS NULL AND {period} AND {unnumbered}
 ) AS known ORDER BY created_at {direction}, invoice_id {direction} LIMIT %(most_found)s)
"""
)


@dataclass(frozen=True)
class Blocks:
    """Blocks of one time with so many invoices of a list; `from_at`: None at the beginning."""

    from_at: datetime | None
    items: int


@dataclass(frozen=True)
class Period:
    """Times of creation to read: `start` is included, `end` is not; None: unbounded."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class Chosen:
    """A period of a list with at most so many invoices of its filters; `is_rest`: to its end."""

    period: Period
    items: int
    is_rest: bool


def count_query(filters: InvoiceFilter, of: Filters) -> tuple[Composed, Parameters]:
    """Write the statement that counts the invoices of all filters by the time of their block."""
    query = _COUNT.format(hits=_hits(filters, of, [SQL("true")]), direction=_direction(filters))
    return query, sql.parameters_of(filters) | _parameters(of)


def read_counts(found: Sequence[DictRow]) -> list[Blocks]:
    """Read the answer of `count_query`."""
    return [Blocks(row["from_at"], row["items"]) for row in found]


def largest_query(filters: InvoiceFilter) -> tuple[Composed, Parameters]:
    """Write the statement that finds the largest total of an app."""
    return SQL("{}").format(_LARGEST), {"app_id": filters.app_id}


def amounts_query(
    filters: InvoiceFilter, of: Filters, groups: Sequence[int]
) -> tuple[Composed, Parameters]:
    """Write the statement that counts the invoices of all filters by groups of totals."""
    query = _COUNT_AMOUNTS.format(hits=_hits(filters, of, [SQL("true")]))
    amounts = {"amounts": [f"amount={group}" for group in groups]}
    return query, sql.parameters_of(filters) | _parameters(of) | amounts


def groups_of(filters: InvoiceFilter, largest_minor: int) -> tuple[Sequence[int], int]:
    """Return the groups of totals behind the cursor in the list's order.

    And how many of them may have invoices in front of it.
    """
    last = amount_group(max(largest_minor, 0))
    if filters.amount_max is not None:
        last = min(last, amount_group(filters.amount_max))
    first = amount_group(filters.amount_min or 0)
    partial = 0
    if filters.cursor is not None:
        key = cursors.read(filters.cursor, list_name=filters.list_name)
        at, partial = amount_group(max(key.value, 0)), 1
        first, last = (first, min(at, last)) if _is_down(filters) else (max(at, first), last)
    ordered = range(first, last + 1)
    return (ordered[::-1] if _is_down(filters) else ordered), partial


def source(
    filters: InvoiceFilter,
    of: Filters,
    period: Period,
    *,
    most: int | None = None,
    groups: Sequence[int] | None = None,
) -> tuple[Source, Parameters]:
    """Return the invoices of a period as a source of a list, with its parameters.

    `most`: only so many, the first ones behind the cursor. `groups`: only those of some totals.
    """
    bounds = {"block_start": period.start, "block_end": period.end}
    given = {name: value for name, value in bounds.items() if value is not None}
    blocks = [SQL("true")]
    created = [SQL("true"), *keyset.bound_conditions(filters, sql.CREATED)]
    if period.start is not None:
        blocks.append(SQL("block.from_at >= %(block_start)s"))
        created.append(SQL("known.created_at >= %(block_start)s"))
    if period.end is not None:
        blocks.append(SQL("block.from_at < %(block_end)s"))
        created.append(SQL("known.created_at < %(block_end)s"))
    if most is not None and filters.cursor is not None:
        side = SQL("<=" if _is_down(filters) else ">=")
        created.append(SQL("known.created_at {} %(after)s").format(side))
    if groups is not None:
        of = replace(of, values=[*of.values, [f"amount={group}" for group in groups]])
    found = _FOUND.format(
        hits=_hits(filters, of, blocks),
        period=_AND.join(created),
        unnumbered=_AND.join(_unnumbered(filters, of, is_of_groups=groups is not None)),
        direction=_direction(filters),
        sparse=Literal(_SPARSE),
    )
    more = {"most_found": most, "groups": None if groups is None else list(groups)}
    found_by = Source("bitmaps", found, known_words=of.exact_words)
    return found_by, _parameters(of) | given | more


def _unnumbered(filters: InvoiceFilter, of: Filters, *, is_of_groups: bool) -> Iterator[Composable]:
    """Write what the bits tell of numbered invoices and no row is checked for later."""
    yield _OF_GROUPS if is_of_groups else SQL("true")
    others = set(range(len(query_terms(filters.q or "")))) - of.exact_words
    yield from sql.term_conditions(filters, (), table="known", but=others)


def _hits(filters: InvoiceFilter, of: Filters, conditions: Sequence[Composable]) -> Composed:
    names = [Identifier(f"filter_{number}") for number in range(len(of.values))]
    joins = [
        _BITS.format(values=Placeholder(f"values_{number}"), name=name)
        for number, name in enumerate(names)
    ]
    created: list[Composable] = []
    if filters.created_from is not None:
        created.append(SQL("block.last_at >= %(created_from)s"))
    if filters.created_to is not None:
        created.append(SQL("block.from_at < %(created_to)s"))
    return _HITS.format(
        bits=SQL(" & ").join(SQL("{}.bits").format(name) for name in names),
        joins=SQL("").join(joins),
        conditions=_AND.join([*conditions, *created]),
    )


def _parameters(of: Filters) -> Parameters:
    return {f"values_{number}": values for number, values in enumerate(of.values)}


def _direction(filters: InvoiceFilter) -> SQL:
    return SQL("DESC" if _is_down(filters) else "ASC")


def _is_down(filters: InvoiceFilter) -> bool:
    return filters.sort.startswith("-")


def choose(filters: InvoiceFilter, blocks: Sequence[Blocks], *, rows: int) -> Chosen:
    """Choose the first period behind the cursor that has so many invoices, or the rest of the list.

    `blocks` are in the list's order, which is that of creation.
    """
    moment = _cursor_moment(filters)
    behind = list(blocks) if moment is None else _behind(blocks, moment, down=_is_down(filters))
    # The invoices in front of the cursor are counted with the first block's.
    partial = 0 if moment is None or not behind else behind[0].items
    items = 0
    for number, one in enumerate(behind):
        items += one.items
        if items - partial >= rows and number + 1 < len(behind):
            period = _period(behind, number, moment, down=_is_down(filters))
            return Chosen(period, items, is_rest=False)
    period = _period(behind, None, moment, down=_is_down(filters))
    return Chosen(period, items, is_rest=True)


def _behind(blocks: Sequence[Blocks], moment: datetime, *, down: bool) -> list[Blocks]:
    if down:
        return [one for one in blocks if one.from_at is None or one.from_at <= moment]
    later = [n for n, one in enumerate(blocks) if one.from_at is not None and one.from_at > moment]
    first = later[0] if later else len(blocks)
    return list(blocks[max(first - 1, 0) :])


def _period(
    behind: Sequence[Blocks], last: int | None, moment: datetime | None, *, down: bool
) -> Period:
    if down:
        end = None if moment in (None, _LAST_MOMENT) else moment + _MICROSECOND
        return Period(None if last is None else behind[last].from_at, end)
    start = behind[0].from_at if moment is not None and behind else None
    return Period(start, None if last is None else behind[last + 1].from_at)


def _cursor_moment(filters: InvoiceFilter) -> datetime | None:
    if filters.cursor is None:
        return None
    key = cursors.read(filters.cursor, list_name=filters.list_name)
    return cursors.from_microseconds(key.value)
