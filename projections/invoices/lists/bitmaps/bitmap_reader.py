"""Read pages of lists with several filters by their bitmaps."""

from dataclasses import replace
from typing import Final

from projections.engine.keyset import COUNTED_EXACTLY
from projections.invoices.lists.bitmaps import bitmap_values, deep_pages, list_bitmaps
from projections.invoices.lists.bitmaps.bit_sets import BitSet, read_bit_set
from projections.invoices.lists.bitmaps.bitmap_values import Filters
from projections.invoices.lists.bitmaps.found_pages import (
    MORE,
    BitmapPage,
    FoundList,
    PageReader,
    Renumbered,
    TooFewBits,
    are_sure,
    most_by_groups,
    present,
)
from projections.invoices.lists.bitmaps.list_bitmaps import Looked
from projections.invoices.lists.bitmaps.lists_in_order import is_in_order, needed
from projections.invoices.lists.list_sql import InvoiceFilter, skipped_rows
from projections.invoices.lists.read_plan import Fetcher, ReadPlan

_DEEPEST: Final = 500
"""Rows in front of a page by its number, at most, that are read for it."""
_TRIES: Final = 6
"""Times that bits are read: of more blocks, or again while invoices get other ordinals."""
FIRST_BLOCKS: Final = 8
"""Blocks of a list whose number of invoices is known that are looked at first."""
SAMPLE: Final = Looked(first=16, spread=64)
"""Blocks that are looked at first of other lists, to tell about how many invoices they have."""


class BitmapReader:
    """Reads pages. Each method may raise BadCursor and ReadModelUnavailable."""

    def __init__(self, pool: Fetcher, *, few: int, first_blocks: int, sample: Looked) -> None:
        """`few`: if all filters leave at most so many invoices, they are sorted and counted.

        `first_blocks`: so many are looked at first of a list whose number is known. `sample`: these
        of other lists.
        """
        self._pool = pool
        self._pages = PageReader(pool, few=few)
        self._first_blocks = first_blocks
        self._sample = sample
        self._few = few

    async def page(self, filters: InvoiceFilter, plan: ReadPlan) -> BitmapPage:
        """Return a page of a list whose every filter leaves many invoices."""
        of = await self._filters(filters, plan)
        if of is None:
            return BitmapPage()
        if skipped_rows(filters) > _DEEPEST:
            return await self._deep_page(filters, plan, of)
        if filters.sort.endswith("createdAt"):
            return await self._by_creation(filters, plan, of)
        return await self._by_total(filters, plan, of)

    async def _by_creation(self, filters: InvoiceFilter, plan: ReadPlan, of: Filters) -> BitmapPage:
        """Return a page from as few blocks as have it; others tell about how many there are."""
        looked: Looked | None = Looked(self._first_blocks) if plan.is_counted else self._sample
        wanted = needed(filters)
        for _ in range(_TRIES):
            # More of them, where some may not fit.
            sent = wanted if are_sure(of) else MORE * MORE * wanted
            least = self._pages.checked + 1 if looked else COUNTED_EXACTLY
            found = await self._bits(filters, of, sent=max(sent, least), looked=looked)
            if not plan.is_counted and self._is_short(found):
                looked = None
                continue
            try:
                return await self._pages.read(FoundList(filters, plan, of, found, wanted))
            except TooFewBits as error:
                wanted, looked = error.wanted, self._more(found, error.wanted, looked)
            except Renumbered:
                continue
        return BitmapPage()

    def _is_short(self, found: BitSet) -> bool:
        """Return whether all of a list, of which a sample is known, are to be counted.

        One block may have all of its invoices, so that the sample tells of far too many.
        """
        return not found.is_whole and (found.items <= COUNTED_EXACTLY or found.seen <= self._few)

    def _more(self, found: BitSet, wanted: int, looked: Looked | None) -> Looked | None:
        """Return the blocks to look at next for a page that needs so many invoices; None: all."""
        if looked is None:
            return None
        if looked.spread is None:
            return replace(self._sample, first=max(MORE * looked.first, self._sample.first))
        first = found.blocks_with(2 * wanted)
        return None if first is None else replace(looked, first=max(first, 2 * looked.first))

    async def _by_total(self, filters: InvoiceFilter, plan: ReadPlan, of: Filters) -> BitmapPage:
        """Return a page, unless it would pass few others in the order of totals."""
        most = most_by_groups(filters, plan)
        looked: Looked | None = self._sample
        for _ in range(_TRIES):
            sent = max(self._pages.checked, most)
            found = await self._bits(filters, of, sent=sent, looked=looked)
            if not found.is_whole and (found.items <= most or self._is_short(found)):
                looked = None
                continue
            try:
                return await self._pages.read(FoundList(filters, plan, of, found, needed(filters)))
            except Renumbered:
                continue
        return BitmapPage()

    async def _deep_page(self, filters: InvoiceFilter, plan: ReadPlan, of: Filters) -> BitmapPage:
        """Read a page by its number in the order of creation, where bits tell of each invoice."""
        if not filters.sort.endswith("createdAt") or not are_sure(of):
            return BitmapPage()
        for _ in range(_TRIES):
            query = list_bitmaps.deep_count_query(filters, of)
            found = read_bit_set(await self._pool.fetch(*query, is_generic=True), sent=0)
            if found.unsure:
                return BitmapPage()
            chosen = deep_pages.choose_deep(filters, found)
            page = deep_pages.deep_query(filters, chosen, plan.facets, plan.emails)
            rows = await self._pool.fetch(*page, is_generic=True)
            if (rows[0]["numbering"], rows[0]["waiting"]) == (found.numbering, found.waiting):
                return BitmapPage(present(rows), found.items + int(rows[0]["total"]), True)
        return BitmapPage()

    async def _bits(
        self, filters: InvoiceFilter, of: Filters, *, sent: int, looked: Looked | None
    ) -> BitSet:
        query = list_bitmaps.count_query(filters, of, sent=sent, looked=looked)
        found = await self._pool.fetch(*query, is_generic=True)
        return read_bit_set(found, sent=sent, first=None if looked is None else looked.first)

    async def _filters(self, filters: InvoiceFilter, plan: ReadPlan) -> Filters | None:
        is_deep = skipped_rows(filters) > _DEEPEST
        if not plan.sources or (not is_deep and is_in_order(filters, plan)):
            return None
        terms = [one for one in plan.sources if one.name.startswith("term ")]
        by_email = [number for number, one in enumerate(terms) if one.term is None]
        common = plan.common
        if common is None:
            query = bitmap_values.common_query(filters, plan.sizes, by_email)
            found = [] if query is None else await self._pool.fetch(*query, is_generic=True)
            common = {row["value"] for row in found}
        return bitmap_values.usable(filters, plan.sizes, common, by_email)
