"""Read pages of lists with several filters by their bitmaps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from psycopg.rows import DictRow

from domain.core.money import MAX_SUM_MINOR
from projections.invoices.lists import sorted_pages
from projections.invoices.lists.bitmaps import (
    amount_bitmaps,
    bitmap_values,
    deep_pages,
    list_bitmaps,
    list_places,
)
from projections.invoices.lists.bitmaps.bit_sets import BitSet, Place, places_of, read_bit_set
from projections.invoices.lists.bitmaps.bitmap_values import Filters
from projections.invoices.lists.bitmaps.block_periods import choose, is_down
from projections.invoices.lists.bitmaps.list_bitmaps import CHECKED, NUMBERING, WAITING
from projections.invoices.lists.bitmaps.list_places import Candidates
from projections.invoices.lists.bitmaps.lists_in_order import is_in_order, needed
from projections.invoices.lists.bitmaps.total_groups import TotalGroups
from projections.invoices.lists.list_sql import InvoiceFilter, skipped_rows
from projections.invoices.lists.read_plan import Fetcher, ReadPlan

_DEEPEST: Final = 500
"""Rows in front of a page by its number, at most, that are read for it."""
_PASSED: Final = 800
"""At most so many invoices are passed in the order of totals."""
_MORE: Final = 4
"""Times as many are read where too few did fit."""
_TRIES: Final = 3
"""Times that bits are read again while invoices get other ordinals."""
FIRST_BLOCKS: Final = 8
"""Blocks of a list whose number of invoices is known that are looked at first."""


@dataclass(frozen=True)
class BitmapPage:
    """Rows of a page; None: it is to be read in the list's order. `total`: None if unknown."""

    rows: list[DictRow] | None = None
    total: int | None = None
    is_exact: bool = False


class _Renumbered(Exception):
    """Ordinals have changed since bits were read."""


class _TooFewBits(Exception):
    """A page needs the bits of more invoices than were read: of `wanted`."""

    def __init__(self, wanted: int) -> None:
        super().__init__(wanted)
        self.wanted = wanted


@dataclass(frozen=True)
class _List:
    """A list of which the bits are known. `wanted`: invoices to be checked first for a page."""

    filters: InvoiceFilter
    plan: ReadPlan
    of: Filters
    found: BitSet
    wanted: int


class BitmapReader:
    """Reads pages. Each method may raise BadCursor and ReadModelUnavailable."""

    def __init__(self, pool: Fetcher, *, few: int, first_blocks: int) -> None:
        """`few`: if all filters leave at most so many invoices, they are sorted and counted.

        `first_blocks`: so many are looked at first of a list whose number is known.
        """
        self._pool = pool
        self._first_blocks = first_blocks
        self._few = few
        self._checked = min(few, CHECKED)

    async def page(self, filters: InvoiceFilter, plan: ReadPlan) -> BitmapPage:
        """Return a page of a list whose every filter leaves many invoices."""
        of = await self._filters(filters, plan)
        if of is None:
            return BitmapPage()
        if skipped_rows(filters) > _DEEPEST:
            return await self._deep_page(filters, plan, of)
        wanted = needed(filters)
        if filters.sort.endswith("createdAt") and plan.is_counted:
            page, wanted = await self._of_first_blocks(filters, plan, of, wanted=wanted)
            if page is not None:
                return page
        for _ in range(_TRIES):
            if filters.sort.endswith("createdAt"):
                # More of them, where some may not fit.
                sent = max(self._checked + 1, wanted if _are_sure(of) else _MORE * _MORE * wanted)
            else:
                sent = max(self._checked, _most_by_groups(filters, plan))
            found = await self._bits(filters, of, sent=sent)
            try:
                return await self._read(_List(filters, plan, of, found, wanted))
            except _TooFewBits as error:
                wanted = error.wanted
            except _Renumbered:
                continue
        return BitmapPage()

    async def _deep_page(self, filters: InvoiceFilter, plan: ReadPlan, of: Filters) -> BitmapPage:
        """Read a page by its number in the order of creation, where bits tell of each invoice."""
        if not filters.sort.endswith("createdAt") or not _are_sure(of):
            return BitmapPage()
        for _ in range(_TRIES):
            query = list_bitmaps.deep_count_query(filters, of)
            found = read_bit_set(
                await self._pool.fetch(*query, is_generic=True), sent=0, is_whole=True
            )
            if found.unsure:
                return BitmapPage()
            chosen = deep_pages.choose_deep(filters, found)
            page = deep_pages.deep_query(filters, chosen, plan.facets, plan.emails)
            rows = await self._pool.fetch(*page, is_generic=True)
            if (rows[0]["numbering"], rows[0]["waiting"]) == (found.numbering, found.waiting):
                return BitmapPage(_present(rows), found.items + int(rows[0]["total"]), True)
        return BitmapPage()

    async def _of_first_blocks(
        self, filters: InvoiceFilter, plan: ReadPlan, of: Filters, *, wanted: int
    ) -> tuple[BitmapPage | None, int]:
        """Read a page of a list whose number is known from its first blocks, if these have it.

        Also return how many invoices a page wants at least.
        """
        found = await self._bits(filters, of, sent=self._few, first_blocks=self._first_blocks)
        given = _List(filters, plan, of, found, wanted)
        try:
            page = await self._by_creation(given, Candidates(()))
        except _TooFewBits as error:
            return None, error.wanted
        except _Renumbered:
            return None, wanted
        return (None if page is None else BitmapPage(_present(page))), wanted

    async def _bits(
        self, filters: InvoiceFilter, of: Filters, *, sent: int, first_blocks: int | None = None
    ) -> BitSet:
        query = list_bitmaps.count_query(filters, of, sent=sent, first_blocks=first_blocks)
        found = await self._pool.fetch(*query, is_generic=True)
        is_whole = first_blocks is None or len(found) < first_blocks
        return read_bit_set(found, sent=sent, is_whole=is_whole)

    async def _read(self, given: _List) -> BitmapPage:
        """Return a page, with an exact total if few invoices are to be checked for it."""
        items, unsure = given.found.items, given.found.unsure
        is_counted = unsure <= self._checked
        counted = places_of(given.found.to_check) if is_counted else None
        page = await self._page(given, counted)
        if page is None:
            return BitmapPage(None, items if given.of.is_complete else None)
        rows = _present(page)
        if is_counted:
            # One that has lost its number since the bits were read may be counted twice.
            is_exact = given.found.waiting in (None, page[0]["waiting"])
            return BitmapPage(rows, items - unsure + int(page[0]["total"]), is_exact)
        if given.of.is_sure:
            items -= unsure // 2
        elif not given.of.is_complete:
            # As many of all as of those that were checked for the page.
            items = items * int(page[0]["fitting"]) // max(int(page[0]["checked"]), 1)
        return BitmapPage(rows, max(items, len(rows)))

    async def _page(self, given: _List, counted: list[Place] | None) -> list[DictRow] | None:
        """Read the rows of a page; None where the list is to be read in its order."""
        filters, items = given.filters, given.found.items
        if items <= self._checked:
            return await self._fetch(given, Candidates(given.found.blocks, counted=counted))
        if filters.sort.endswith("createdAt"):
            return await self._by_creation(given, Candidates((), counted=counted))
        if items <= _most_by_groups(filters, given.plan):
            return await self._by_total(given, Candidates((), counted=counted))
        return None

    async def _by_creation(self, given: _List, counted: Candidates) -> list[DictRow] | None:
        """Read as many blocks as a page needs; None if most of their invoices do not fit.

        Raises _TooFewBits and _Renumbered.
        """
        filters, blocks = given.filters, given.found.of_times
        wanted = max(given.wanted, _first_wanted(filters, given.found))
        times = 1
        while wanted <= self._few:
            chosen = choose(filters, blocks, rows=wanted)
            if wanted > given.found.sent or (chosen.is_rest and not given.found.is_whole):
                raise _TooFewBits(wanted)
            is_whole = chosen.is_rest and chosen.items <= self._checked
            candidates = replace(
                counted,
                blocks=list_places.blocks_within(given.found, chosen.period),
                period=chosen.period,
                most=None if is_whole else times * wanted + 20,
            )
            page = await self._fetch(given, candidates)
            if is_whole or len(_present(page)) > filters.limit:
                return page
            wanted, times = _MORE * wanted, 3  # some of them did not fit
        return None

    async def _by_total(self, given: _List, counted: Candidates) -> list[DictRow] | None:
        """Read as many groups of totals as a page needs; None if they have too many invoices."""
        filters = given.filters
        largest_minor = MAX_SUM_MINOR
        if is_down(filters):
            (largest,) = await self._pool.fetch(*amount_bitmaps.largest_query(filters))
            largest_minor = largest["total_minor"]
        first, last, at = amount_bitmaps.groups_of(filters, largest_minor)
        totals = TotalGroups(given.found, first, last, cursor=at, is_down=is_down(filters))
        wanted = 2 * needed(filters)
        while True:
            while values := totals.choose(wanted, most=self._checked):
                query = amount_bitmaps.amounts_query(filters, given.found, values)
                totals.add(values, await self._pool.fetch(*query, is_generic=True))
            if totals.items > 2 * self._few:
                return None
            page = await self._fetch(
                given, replace(counted, blocks=totals.blocks, groups=totals.groups)
            )
            if len(_present(page)) > filters.limit or totals.is_whole:
                return page
            wanted *= _MORE

    async def _fetch(self, given: _List, candidates: Candidates) -> list[DictRow]:
        """Read the rows of candidates. Raises _Renumbered."""
        filters, plan, of = given.filters, given.plan, given.of
        found, more = list_places.found_query(filters, of, candidates)
        query, parameters = sorted_pages.candidates_query(
            filters,
            found,
            plan.facets,
            plan.emails,
            known_words=of.exact_words,
            numbering=NUMBERING,
            waiting=WAITING,
        )
        rows = await self._pool.fetch(query, parameters | more, is_generic=True)
        if given.found.numbering and rows[0]["numbering"] != given.found.numbering:
            raise _Renumbered
        return rows

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


def _present(rows: Sequence[DictRow]) -> list[DictRow]:
    """Leave out the row that has only the total, of a page without invoices."""
    return [row for row in rows if row["invoice_id"] is not None]


def _first_wanted(filters: InvoiceFilter, found: BitSet) -> int:
    """Return how many invoices to check first: up to four times as many, the more may not fit."""
    rows = needed(filters)
    return rows + (_MORE - 1) * rows * found.unsure // max(found.items, 1)


def _most_by_groups(filters: InvoiceFilter, plan: ReadPlan) -> int:
    """Return how many invoices a list in the order of totals has at most to be read by groups.

    Of more, a page passes few others in the app's order.
    """
    return needed(filters) * plan.facets.of_app // _PASSED


def _are_sure(of: Filters) -> bool:
    return of.is_sure and of.sure == of.values
