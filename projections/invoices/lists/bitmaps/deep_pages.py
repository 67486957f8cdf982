"""Read a page by its number from the block that has it: blocks in front are passed as a whole.

Only where bits tell of each numbered invoice whether it fits. Those without a number are checked by
their rows, and counted in front of the page's blocks or read with them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from psycopg.sql import SQL, Composable, Composed, Placeholder

from projections.engine.keyset import Parameters
from projections.invoices.lists import list_sql as sql
from projections.invoices.lists import page_parts as parts
from projections.invoices.lists.bitmaps.bit_sets import BitSet, Block, packed, unpacked
from projections.invoices.lists.bitmaps.block_periods import Period, is_down
from projections.invoices.lists.bitmaps.list_bitmaps import NUMBERING, WAITING
from projections.invoices.lists.list_plan import Facets
from projections.invoices.lists.list_sql import InvoiceFilter

_AND: Final = SQL(" AND ")
_PAGE: Final = SQL(
    """
WITH unnumbered AS MATERIALIZED (
    SELECT invoice.invoice_id, invoice.created_at FROM (
        SELECT row.* FROM read.invoice_ordinals AS known CROSS JOIN LATERAL (
            SELECT * FROM read.invoices WHERE invoices.invoice_id = known.invoice_id OFFSET 0
        ) AS row WHERE known.app_id = %(app_id)s AND known.block IS NULL
    ) AS invoice WHERE {conditions}
), page AS MATERIALIZED (
    SELECT created_at AS key, invoice_id FROM (
        SELECT known.created_at, known.invoice_id
        FROM {hits} AS hits
        CROSS JOIN LATERAL (
            SELECT created_at, invoice_id FROM read.invoice_ordinals AS numbered
            WHERE numbered.app_id = %(app_id)s AND numbered.block = hits.block
                AND get_bit(hits.bits, numbered.ordinal) = 1 OFFSET 0
        ) AS known
        UNION ALL SELECT created_at, invoice_id FROM unnumbered WHERE {within}
    ) AS found ORDER BY created_at {direction}, invoice_id {direction} LIMIT %(rows)s
    OFFSET %(skipped)s - %(passed)s - (SELECT count(*) FROM unnumbered WHERE {in_front})
)
SELECT {columns}, total.total, total.numbering, total.waiting
FROM (
    SELECT count(*) AS total, {numbering} AS numbering, {waiting} AS waiting FROM unnumbered
) AS total
LEFT JOIN page ON true LEFT JOIN read.invoices AS invoice ON invoice.invoice_id = page.invoice_id
{known}
ORDER BY page.key {direction}, page.invoice_id {direction}
"""
)


@dataclass(frozen=True)
class DeepPage:
    """Blocks that have a page, and how many numbered invoices of the list are in front of them."""

    blocks: Sequence[Block]
    period: Period
    passed: int


def choose_deep(filters: InvoiceFilter, found: BitSet) -> DeepPage:
    """Choose the blocks of a page, whatever the times of the invoices without a number are."""
    skipped = sql.skipped_rows(filters)
    least, end = skipped - (found.waiting or 0), skipped + filters.limit + 1
    before, passed = 0, 0
    chosen: list[int] = []
    for number, one in enumerate(found.of_times):
        if before + one.items <= least:
            passed = before + one.items
        elif before < end:
            chosen.append(number)
        before += one.items
    period = _period(filters, found, chosen)
    blocks = [one for one in found.blocks if one.bits and period.has_block(one.from_at)]
    return DeepPage(blocks if chosen else [], period, passed)


def _period(filters: InvoiceFilter, found: BitSet, chosen: Sequence[int]) -> Period:
    """Return the times of chosen blocks; behind all blocks, those behind the last one."""
    times = [one.from_at for one in found.of_times]
    first = chosen[0] if chosen else len(times)
    last = chosen[-1] if chosen else len(times)
    if is_down(filters):
        start = times[last] if last < len(times) - 1 else None
        return Period(start, times[first - 1] if first > 0 else None)
    end = times[last + 1] if last < len(times) - 1 else None
    return Period(times[first] if 0 < first < len(times) else None, end)


def deep_query(
    filters: InvoiceFilter,
    page: DeepPage,
    facets: Facets,
    emails: Collection[str],
) -> tuple[Composed, Parameters]:
    """Write the statement that reads the page."""
    within, in_front = _sides(filters, page.period)
    checked, values = sql.checked_conditions(filters, facets.numbers)
    query = _PAGE.format(
        conditions=_AND.join([checked, *sql.term_conditions(filters, emails)]),
        hits=unpacked(blocks=Placeholder("blocks"), bits=Placeholder("block_bits")),
        within=within,
        in_front=in_front,
        direction=sql.direction(filters),
        numbering=NUMBERING,
        waiting=WAITING,
        **parts.selected(filters, None),
    )
    bounds = {"block_start": page.period.start, "block_end": page.period.end}
    more: Parameters = {
        "blocks": [one.number for one in page.blocks],
        "block_bits": packed(page.blocks),
        "passed": page.passed,
    }
    given = {name: at for name, at in bounds.items() if at is not None}
    return query, parts.parameters(filters, facets) | values | more | given


def _sides(filters: InvoiceFilter, period: Period) -> tuple[Composable, Composable]:
    """Write that an invoice is of the period, and that it is in front of it."""
    newer = SQL("created_at >= %(block_end)s")
    older = SQL("created_at < %(block_start)s")
    within = [SQL("true")]
    if period.start is not None:
        within.append(SQL("created_at >= %(block_start)s"))
    if period.end is not None:
        within.append(SQL("created_at < %(block_end)s"))
    side, bound = (newer, period.end) if is_down(filters) else (older, period.start)
    return _AND.join(within), side if bound is not None else SQL("false")
