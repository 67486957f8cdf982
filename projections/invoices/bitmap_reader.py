"""Read pages of lists with several filters by their bitmaps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg.rows import DictRow
from psycopg.sql import Composed

from projections.engine.keyset import Parameters
from projections.invoices import bitmap_values, list_bitmaps, list_pages
from projections.invoices.bitmap_values import Filters
from projections.invoices.list_bitmaps import Blocks, Period
from projections.invoices.list_sql import InvoiceFilter, skipped_rows
from projections.invoices.read_plan import Fetcher, ReadPlan

_DEEPEST: Final = 500
_PASSED: Final = 4_000
"""At most so many invoices are passed in the order of totals."""
_MOST_FIT: Final = 4
_MOST_READ: Final = 1_500
"""Invoices of days and months of payment that are read in the list's order, at most."""
_GROUPS: Final = 12
_ALWAYS: Final = Period()
_MORE: Final = 4
"""Times as many are read where too few did fit."""


@dataclass(frozen=True)
class BitmapPage:
    """Rows of a page; None: it is to be read in the list's order. `total`: None if unknown."""

    rows: list[DictRow] | None = None
    total: int | None = None
    is_exact: bool = False


class BitmapReader:
    """Reads pages. Each method may raise BadCursor and ReadModelUnavailable."""

    def __init__(self, pool: Fetcher, *, few: int) -> None:
        """`few`: if all filters leave at most so many invoices, they are sorted and counted."""
        self._pool = pool
        self._few = few

    async def page(self, filters: InvoiceFilter, plan: ReadPlan) -> BitmapPage:
        """Return a page of a list whose every filter leaves many invoices."""
        of = await self._filters(filters, plan)
        if of is None:
            return BitmapPage()
        found = await self._pool.fetch(*list_bitmaps.count_query(filters, of))
        blocks = list_bitmaps.read_counts(found)
        items = sum(one.items for one in blocks)
        page: list[DictRow] | None = None
        if items <= self._few:
            rows = await self._pool.fetch(*_query(filters, plan, of))
            return BitmapPage(_present(rows), int(rows[0]["total"]), True)
        if skipped_rows(filters) > _DEEPEST:
            pass
        elif filters.sort.endswith("createdAt"):
            page = await self._by_creation(filters, plan, of, blocks)
        elif _needed(filters) * plan.facets.of_app > _PASSED * items:
            page = await self._by_total(filters, plan, of)
        return BitmapPage(page, max(items, len(page or ())) if of.is_complete else None)

    async def _by_creation(
        self, filters: InvoiceFilter, plan: ReadPlan, of: Filters, blocks: Sequence[Blocks]
    ) -> list[DictRow] | None:
        """Read as many blocks as a page needs; None if most of their invoices do not fit."""
        wanted = _needed(filters)
        while wanted <= self._few:
            chosen = list_bitmaps.choose(filters, blocks, rows=wanted)
            most = 3 * wanted + 20
            is_whole = chosen.is_rest and chosen.items <= self._few
            query = _query(filters, plan, of, period=chosen.period, most=None if is_whole else most)
            page = _present(await self._pool.fetch(*query))
            if is_whole or len(page) > filters.limit:
                return page
            wanted *= _MORE  # some of them did not fit
        return None

    async def _by_total(
        self, filters: InvoiceFilter, plan: ReadPlan, of: Filters
    ) -> list[DictRow] | None:
        """Read as many groups of totals as a page needs; None if they have too many invoices."""
        (largest,) = await self._pool.fetch(*list_bitmaps.largest_query(filters))
        groups, partial = list_bitmaps.groups_of(filters, largest["total_minor"])
        read, counts = 0, list[int]()
        wanted = 2 * _needed(filters)
        while True:
            while read < len(groups) and sum(counts[partial:read]) < wanted:
                if read == len(counts):
                    counts += await self._count(filters, of, groups[read : 2 * read + _GROUPS])
                read += 1
            if sum(counts[:read]) > 2 * self._few:
                return None
            query = _query(filters, plan, of, groups=groups[:read])
            page = _present(await self._pool.fetch(*query))
            if len(page) > filters.limit or read == len(groups):
                return page
            wanted *= _MORE

    async def _count(self, filters: InvoiceFilter, of: Filters, groups: Sequence[int]) -> list[int]:
        found = await self._pool.fetch(*list_bitmaps.amounts_query(filters, of, groups))
        counts = {row["value"]: row["items"] for row in found}
        return [counts.get(f"amount={group}", 0) for group in groups]

    async def _filters(self, filters: InvoiceFilter, plan: ReadPlan) -> Filters | None:
        if not plan.sources or _is_in_order(filters, plan):
            return None
        terms = [one for one in plan.sources if one.name.startswith("term ")]
        by_email = [number for number, one in enumerate(terms) if one.term is None]
        query = bitmap_values.common_query(filters, plan.sizes, by_email)
        common = set[str]()
        if query is not None:
            common = {row["value"] for row in await self._pool.fetch(*query)}
        return bitmap_values.usable(filters, plan.sizes, common, by_email)


def _query(
    filters: InvoiceFilter,
    plan: ReadPlan,
    of: Filters,
    *,
    period: Period = _ALWAYS,
    most: int | None = None,
    groups: Sequence[int] | None = None,
) -> tuple[Composed, Parameters]:
    source, more = list_bitmaps.source(filters, of, period, most=most, groups=groups)
    query, parameters = list_pages.few_query(filters, source, plan.facets, plan.emails)
    return query, parameters | more


def _is_in_order(filters: InvoiceFilter, plan: ReadPlan) -> bool:
    """Return whether an index has the invoices of a list in its order, and most of them fit."""
    (first, *others) = plan.sources
    is_alone = not others and first.name != "amount" and filters.sort.endswith("createdAt")
    if not is_alone or _MOST_FIT * plan.facets.items < plan.facets.of_app:
        return False
    if first.name != "paid":
        return True
    # Of each day and month a page is read, until enough of its invoices fit.
    read = bitmap_values.payment_ranges(plan.sizes) * _needed(filters) * plan.facets.of_app
    return read <= _MOST_READ * plan.facets.items


def _present(rows: Sequence[DictRow]) -> list[DictRow]:
    """Leave out the row that has only the total, of a page without invoices."""
    return [row for row in rows if row["invoice_id"] is not None]


def _needed(filters: InvoiceFilter) -> int:
    return skipped_rows(filters) + filters.limit + 1
