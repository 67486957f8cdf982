"""Find the invoices of several filters by bitmaps, in work that the number of blocks bounds.

A bitmap has a bit for each invoice of a block, and is kept of each value of a facet, each month of
payments and group of amounts, and each term and id that many invoices have (see `ordinals`). All
filters of a list are intersected block by block. That gives the places of its invoices and their
number, of which as many are read as a page needs. Bits only exclude: each invoice found is checked
by its row (see `list_places`), so that a bitmap of more than the filter's invoices (a beginning, a
month) serves as well.
"""

from dataclasses import dataclass
from typing import Final

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal, Placeholder

from projections.engine import cursors
from projections.engine.keyset import Parameters
from projections.invoices.lists import list_sql as sql
from projections.invoices.lists.bitmaps.bitmap_values import Filters
from projections.invoices.lists.bitmaps.block_periods import begins_within, is_down
from projections.invoices.lists.list_sql import InvoiceFilter

CHECKED: Final = 250
"""Rows that are read at most to know a total that bits leave open, or a whole list."""
_AND: Final = SQL(" AND ")
_BOTH: Final = SQL(" & ")

# Read only where the filters before it have left something.
_BITS: Final = SQL(
    """
CROSS JOIN LATERAL (
    SELECT bit_or(known.bits) AS bits FROM read.invoice_bitmaps AS known
    WHERE known.app_id = %(app_id)s AND known.value = ANY({values}::text[])
        AND known.block = block.block {if_left}
) AS {name}
"""
)
_PAID: Final = "paid="
"""Days and months of payment are read first: most blocks have none of a short period."""
_IF_LEFT: Final = SQL("AND bit_count(block.bits) > 0")
_EITHER: Final = SQL("(coalesce({name}.bits | {sure}.bits, {name}.bits, {sure}.bits))")
# Each `&` decompresses both sides: what `bits` and `sure` share is intersected once.
_HITS: Final = SQL(
    """
SELECT {of_block}, block.is_inside, {bits} AS bits, {sure} AS sure FROM (
    SELECT {of_block}, {inside} AS is_inside, {common} AS bits
    FROM ({blocks}) AS block {singles}
    ORDER BY block.from_at {direction} OFFSET 0
) AS block {others}
ORDER BY block.from_at {direction}
"""
)
# `numbered` and `numbered_in_all`: invoices that a block, or each of the list's blocks, has.
_OF_BLOCK: Final = SQL(
    "block.block, block.from_at, block.is_first, block.several, block.numbered,"
    " block.numbered_in_all"
)
_BLOCKS: Final = SQL(
    "SELECT *, true AS is_first, NULL::bigint AS several, items AS numbered,"
    " NULL::bigint AS numbered_in_all"
    " FROM read.invoice_blocks AS block WHERE block.app_id = %(app_id)s AND {created}"
)
# All blocks of one time: any of them may have the newest or oldest invoice.
_FIRST: Final = SQL(
    "{all} AND {behind} ORDER BY block.from_at {direction} FETCH FIRST {first} ROWS WITH TIES"
)
# Some blocks of all times tell about how many invoices all have.
_SAMPLE: Final = SQL(
    """
SELECT * FROM (
    SELECT *, several < 2 * {spread} OR ({behind} AND place <= {first}) AS is_first FROM (
        SELECT *, count(*) OVER () AS several, items AS numbered,
            sum(items) OVER () AS numbered_in_all,
            row_number() OVER (ORDER BY from_at, block) AS number,
            rank() OVER (PARTITION BY {behind} ORDER BY from_at {direction}) AS place
        FROM read.invoice_blocks AS block WHERE block.app_id = %(app_id)s AND {created}
    ) AS numbered
) AS block WHERE is_first OR number %% greatest(several / {spread}, 1) = 0
"""
)
# The block that the cursor's invoice is of by its time, and those behind it.
_OF_CURSOR: Final = SQL(
    "(SELECT max(own.from_at) FROM read.invoice_blocks AS own"
    " WHERE own.app_id = %(app_id)s AND own.from_at <= %(after)s)"
)
# The blocks that a period of creation begins in, as `created` chooses them.
_OF_PERIOD: Final = SQL(
    "(SELECT {last}(block.from_at) FROM read.invoice_blocks AS block"
    " WHERE block.app_id = %(app_id)s AND {created})"
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
SELECT block, nullif(from_at, '-infinity') AS from_at, items, unsure, is_first, several,
    numbered, numbered_in_all, {numbering} AS numbering, {waiting} AS waiting,
    CASE WHEN items > 0 AND is_first AND {is_sent} THEN bit_send(bits) END AS bits,
    CASE WHEN unsure > 0 AND of_all <= {checked} THEN bit_send({unsure}) END AS unsure_bits
FROM (
    SELECT *, sum(unsure) OVER () AS of_all, sum(items) OVER () AS of_list,
        coalesce(sum(items) FILTER (WHERE {follows}) OVER (ORDER BY from_at {direction})
            - sum(items) FILTER (WHERE {follows}) OVER (PARTITION BY from_at), 0) AS before
    FROM (
        SELECT *, coalesce(bit_count(bits), 0) AS items,
            coalesce(bit_count({unsure}), 0) AS unsure
        FROM ({hits} OFFSET 0) AS hit OFFSET 0
    ) AS hit
) AS hit ORDER BY hit.from_at {direction}, block
"""
)
# Each invoice that waits may be in front of the page or behind it.
_OF_DEEP: Final = SQL(
    "before < %(end)s::bigint AND before + sum(items) OVER (PARTITION BY from_at)"
    " > %(skipped)s::bigint - {waiting}"
)


@dataclass(frozen=True)
class Looked:
    """Blocks of a list that are looked at: the first ones behind its cursor, and some of all.

    These are `spread` to twice as many; all if there are fewer than twice as many; None: only the
    first ones.
    """

    first: int
    spread: int | None = None


def count_query(
    filters: InvoiceFilter, of: Filters, *, sent: int, looked: Looked | None = None
) -> tuple[Composed, Parameters]:
    """Write the statement that intersects all filters, in the order of the blocks' times.

    A page in the order of creation needs the bits of the first blocks behind the cursor alone: of
    those with so many invoices, `sent`; in the order of totals those of all blocks, if the list has
    no more invoices. `looked`: only these blocks are looked at, and those of the last first one's
    time; None: all. Raises BadCursor.
    """
    is_by_creation = filters.sort.endswith("createdAt")
    follows, behind = _behind_cursor(filters)
    query = _COUNT.format(
        hits=_hits(filters, of, _blocks(filters, behind, looked)),
        unsure=_unsure(of),
        numbering=NUMBERING,
        waiting=WAITING,
        follows=follows,
        direction=sql.direction(filters),
        is_sent=SQL("{} AND before < {}").format(behind, Literal(sent))
        if is_by_creation
        else SQL("of_list <= %(sent)s::bigint"),
        checked=Literal(CHECKED),
    )
    known = sql.parameters_of(filters) | _parameters(of) | _cursor_moment(filters)
    return query, known | {"sent": sent}


def deep_count_query(filters: InvoiceFilter, of: Filters) -> tuple[Composed, Parameters]:
    """Write the same statement, with the bits of the blocks that a page by its number may be in."""
    query = _COUNT.format(
        hits=_hits(filters, of, _blocks(filters, SQL("true"), None)),
        unsure=_unsure(of),
        numbering=NUMBERING,
        waiting=WAITING,
        follows=SQL("true"),
        direction=sql.direction(filters),
        is_sent=_OF_DEEP.format(waiting=WAITING),
        checked=Literal(CHECKED),
    )
    skipped = sql.skipped_rows(filters)
    more: Parameters = {"skipped": skipped, "end": skipped + filters.limit + 1}
    return query, sql.parameters_of(filters) | _parameters(of) | more


def _blocks(filters: InvoiceFilter, behind: Composable, looked: Looked | None) -> Composable:
    created, direction = _AND.join(_created(filters)), sql.direction(filters)
    every = _BLOCKS.format(created=created)
    if looked is None:
        return every
    first = Literal(looked.first)
    if looked.spread is None:
        return _FIRST.format(all=every, behind=behind, direction=direction, first=first)
    return _SAMPLE.format(
        behind=behind,
        direction=direction,
        first=first,
        spread=Literal(looked.spread),
        created=created,
    )


def _behind_cursor(filters: InvoiceFilter) -> tuple[Composable, Composable]:
    """Write that a block is wholly behind the list's beginning, and that some of it may be."""
    is_by_creation = filters.sort.endswith("createdAt")
    if not is_by_creation or not begins_within(filters):
        return SQL("true"), SQL("true")
    down = is_down(filters)
    wholly, partly = (SQL("<"), SQL("<=")) if down else (SQL(">"), SQL(">="))
    if filters.cursor is None:
        start = _OF_PERIOD.format(
            last=SQL("max" if down else "min"), created=_AND.join(_created(filters))
        )
    else:
        start = SQL("{}").format(_OF_CURSOR)
    behind = SQL("(from_at {} {})")
    return behind.format(wholly, start), behind.format(partly, start)


def _cursor_moment(filters: InvoiceFilter) -> Parameters:
    if filters.cursor is None or not filters.sort.endswith("createdAt"):
        return {}
    key = cursors.read(filters.cursor, list_name=filters.list_name)
    return {"after": cursors.from_microseconds(key.value)}


def _unsure(of: Filters) -> SQL:
    """Write the bits of invoices that may not fit."""
    if not of.is_sure:
        return SQL("bits")
    if of.sure == of.values:
        return SQL("CASE WHEN NOT is_inside THEN bits END")
    return SQL("CASE WHEN is_inside AND sure IS NOT NULL THEN bits & ~ sure ELSE bits END")


def _hits(filters: InvoiceFilter, of: Filters, blocks: Composable) -> Composed:
    singles, others = list[Composable](), list[Composable]()
    common, every, sure = list[Composable](), list[Composable](), list[Composable]()
    bits = SQL("{}.bits").format
    for number, values in enumerate(of.values):
        name, of_sure = Identifier(f"filter_{number}"), Identifier(f"sure_{number}")
        if of.is_sure and of.sure[number] != values:
            others.append(_join(name, f"others_{number}", if_left=_IF_LEFT))
            others.append(_join(of_sure, f"sure_{number}", if_left=_IF_LEFT))
            every.append(_EITHER.format(name=name, sure=of_sure))
            sure.append(bits(of_sure))
        elif len(values) > 1 and not values[0].startswith(_PAID):
            others.append(_join(name, f"values_{number}", if_left=_IF_LEFT))
            every.append(bits(name))
            sure.append(bits(name))
        else:
            singles.append(_join(name, f"values_{number}", if_left=SQL("")))
            common.append(bits(name))
    inside: list[Composable] = [SQL("true")]
    if filters.created_from is not None:
        inside.append(SQL("block.first_at >= %(created_from)s"))
    if filters.created_to is not None:
        inside.append(SQL("block.last_at < %(created_to)s"))
    return _HITS.format(
        of_block=_OF_BLOCK,
        common=_BOTH.join(common),
        bits=_BOTH.join([SQL("block.bits"), *every]),
        sure=SQL("NULL") if _are_alike(of) else _BOTH.join([SQL("block.bits"), *sure]),
        singles=SQL("").join(singles),
        others=SQL("").join(others),
        direction=sql.direction(filters),
        inside=_AND.join(inside),
        blocks=blocks,
    )


def _created(filters: InvoiceFilter) -> list[Composable]:
    """Write which blocks may have invoices of a period of creation."""
    created: list[Composable] = [SQL("true")]
    if filters.created_from is not None:
        created.append(SQL("block.last_at >= %(created_from)s"))
    if filters.created_to is not None:
        created.append(SQL("block.from_at < %(created_to)s"))
    return created


def _join(name: Identifier, values: str, *, if_left: SQL) -> Composed:
    return _BITS.format(values=Placeholder(values), name=name, if_left=if_left)


def _are_alike(of: Filters) -> bool:
    """Return whether every filter has sure values alone, or none are known for sure."""
    return not of.is_sure or of.sure == of.values


def _parameters(of: Filters) -> Parameters:
    """Return the values of each filter, and apart those that are sure where only some are."""
    found: Parameters = {}
    for number, (values, sure) in enumerate(zip(of.values, of.sure, strict=True)):
        found[f"sure_{number}"] = sure
        found[f"values_{number}"] = values
        found[f"others_{number}"] = [one for one in values if one not in sure]
    return found
