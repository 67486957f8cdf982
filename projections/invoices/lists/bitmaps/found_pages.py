"""Read the page of a list whose invoices are found by bits, or by those of its first blocks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from psycopg.rows import DictRow

from domain.core.money import MAX_SUM_MINOR
from projections.engine.keyset import COUNTED_EXACTLY
from projections.invoices.lists import sorted_pages
from projections.invoices.lists.bitmaps import amount_bitmaps, list_places
from projections.invoices.lists.bitmaps.bit_sets import BitSet, Place, places_of
from projections.invoices.lists.bitmaps.bitmap_values import Filters
from projections.invoices.lists.bitmaps.block_periods import choose, is_down
from projections.invoices.lists.bitmaps.list_bitmaps import CHECKED, NUMBERING, WAITING
from projections.invoices.lists.bitmaps.list_places import Candidates
from projections.invoices.lists.bitmaps.lists_in_order import needed
from projections.invoices.lists.bitmaps.total_groups import TotalGroups
from projections.invoices.lists.list_sql import InvoiceFilter
from projections.invoices.lists.read_plan import Fetcher, ReadPlan

MORE: Final = 4
"""Times as many are read where too few did fit."""
_TIMES: Final = 3
"""Times as many as are wanted are checked where some did not fit."""
_PASSED: Final = 800
"""At most so many invoices are passed in the order of totals."""


@dataclass(frozen=True)
class BitmapPage:
    """Rows of a page; None: it is to be read in the list's order. `total`: None if unknown."""

    rows: list[DictRow] | None = None
    total: int | None = None
    is_exact: bool = False


class Renumbered(Exception):
    """Ordinals have changed since bits were read."""


class TooFewBits(Exception):
    """A page needs the bits of more invoices than were read: of `wanted`."""

    def __init__(self, wanted: int) -> None:
        super().__init__(wanted)
        self.wanted = wanted


@dataclass(frozen=True)
class FoundList:
    """A list of which bits are known. `wanted`: invoices to be checked first for a page."""

    filters: InvoiceFilter
    plan: ReadPlan
    of: Filters
    found: BitSet
    wanted: int


class PageReader:
    """Reads pages. Each method may raise BadCursor and ReadModelUnavailable."""

    def __init__(self, pool: Fetcher, *, few: int) -> None:
        """`few`: at most four times as many invoices are checked for a page."""
        self._pool = pool
        self._few = few
        self.checked = min(few, CHECKED)
        """So many invoices are checked at most to know a total that bits leave open."""

    async def read(self, given: FoundList) -> BitmapPage:
        """Return a page, with an exact total if few invoices are to be checked for it.

        Raises Renumbered, and TooFewBits in the order of creation.
        """
        items, unsure = given.found.items, given.found.unsure
        is_counted = given.found.is_whole and unsure <= self.checked
        counted = places_of(given.found.to_check) if is_counted else None
        page = await self._page(given, counted)
        if page is None:
            return BitmapPage(None, items if given.of.is_complete else None)
        rows = present(page)
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

    async def _page(self, given: FoundList, counted: list[Place] | None) -> list[DictRow] | None:
        """Read the rows of a page; None where the list is to be read in its order."""
        filters, items = given.filters, given.found.items
        if given.found.is_whole and items <= self.checked:
            return await self._fetch(given, Candidates(given.found.blocks, counted=counted))
        if filters.sort.endswith("createdAt"):
            return await self._by_creation(given, Candidates((), counted=counted))
        if items <= most_by_groups(filters, given.plan):
            return await self._by_total(given, Candidates((), counted=counted))
        return None

    async def _by_creation(self, given: FoundList, counted: Candidates) -> list[DictRow] | None:
        """Read as many blocks as a page needs; None if most of their invoices do not fit.

        Raises TooFewBits and Renumbered.
        """
        filters, blocks = given.filters, given.found.of_times
        wanted = max(given.wanted, _first_wanted(filters, given.found))
        times, most = 1, self._most_checked(given)
        while wanted <= most:
            chosen = choose(filters, blocks, rows=wanted)
            if wanted > given.found.sent or (chosen.is_rest and not given.found.is_whole):
                raise TooFewBits(wanted)
            checked = times * wanted + 20
            is_whole = chosen.is_rest and chosen.items <= max(self.checked, checked)
            candidates = replace(
                counted,
                blocks=list_places.blocks_within(given.found, chosen.period),
                period=chosen.period,
                most=None if is_whole else checked,
            )
            page = await self._fetch(given, candidates)
            if is_whole or len(present(page)) > filters.limit:
                return page
            wanted, times = _wanted_next(filters, page, wanted), _TIMES
        return None

    def _most_checked(self, given: FoundList) -> int:
        """Return how many invoices may be wanted of a list before it is read in another way."""
        if given.found.is_whole and given.found.items <= COUNTED_EXACTLY:
            return COUNTED_EXACTLY
        has_index = any(one.is_of_index for one in given.plan.sources)
        return self._few if has_index else MORE * self._few

    async def _by_total(self, given: FoundList, counted: Candidates) -> list[DictRow] | None:
        """Read as many groups of totals as a page needs; None if they have too many invoices."""
        filters = given.filters
        largest_minor = MAX_SUM_MINOR
        if is_down(filters):
            (largest,) = await self._pool.fetch(*amount_bitmaps.largest_query(filters))
            largest_minor = largest["total_minor"]
        first, last, at = amount_bitmaps.groups_of(filters, largest_minor)
        totals = TotalGroups(given.found, first, last, cursor=at, is_down=is_down(filters))
        wanted, read = 2 * needed(filters), (-1, -1)
        while True:
            while values := totals.choose(wanted, most=self.checked):
                query = amount_bitmaps.amounts_query(filters, given.found, values)
                totals.add(values, await self._pool.fetch(*query, is_generic=True))
            if totals.items > 2 * self._few:
                return None
            # Those without a number are found by the groups alone.
            has = totals.items, len(totals.groups) if given.found.waiting else 0
            if has != read:
                read = has
                page = await self._fetch(
                    given, replace(counted, blocks=totals.blocks, groups=totals.groups)
                )
            if len(present(page)) > filters.limit or totals.is_whole:
                return page
            wanted *= MORE

    async def _fetch(self, given: FoundList, candidates: Candidates) -> list[DictRow]:
        """Read the rows of candidates. Raises Renumbered."""
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
            raise Renumbered
        return rows


def present(rows: Sequence[DictRow]) -> list[DictRow]:
    """Leave out the row that has only the total, of a page without invoices."""
    return [row for row in rows if row["invoice_id"] is not None]


def are_sure(of: Filters) -> bool:
    """Return whether every invoice fits that has the bits of all filters."""
    return of.is_sure and of.sure == of.values


def most_by_groups(filters: InvoiceFilter, plan: ReadPlan) -> int:
    """Return how many invoices a list in the order of totals has at most to be read by groups.

    Of more, a page passes few others in the app's order.
    """
    return needed(filters) * plan.facets.of_app // _PASSED


def _first_wanted(filters: InvoiceFilter, found: BitSet) -> int:
    """Return how many invoices to check first: up to four times as many, the more may not fit."""
    rows = needed(filters)
    return rows + (MORE - 1) * rows * found.unsure // max(found.items, 1)


def _wanted_next(filters: InvoiceFilter, page: Sequence[DictRow], wanted: int) -> int:
    """Return how many invoices to check where too few of `wanted` did fit: as those tell."""
    checked, fitting = int(page[0]["checked"]), int(page[0]["fitting"])
    if not fitting:
        return MORE * wanted
    return max(2 * wanted, needed(filters) * checked // fitting // 2)
