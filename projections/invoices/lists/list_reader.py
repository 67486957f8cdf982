"""Read lists of invoices: a page with its total, or all pages one after the other."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from psycopg.rows import DictRow
from psycopg.sql import Composed

from projections.engine import keyset
from projections.engine.keyset import COUNTED_EXACTLY, Parameters
from projections.invoices.lists import list_estimate, list_plan, ordered_pages, sorted_pages
from projections.invoices.lists.amount_groups import has_wide_amounts
from projections.invoices.lists.bitmaps.bitmap_reader import FIRST_BLOCKS, SAMPLE, BitmapReader
from projections.invoices.lists.bitmaps.found_pages import BitmapPage
from projections.invoices.lists.bitmaps.list_bitmaps import Looked
from projections.invoices.lists.bitmaps.lists_in_order import is_of_one_value
from projections.invoices.lists.export import Export, place_of
from projections.invoices.lists.facet_pages import is_of_facets, read_facet_page
from projections.invoices.lists.list_plan import FEW, IDS, SOME, Facets, Size
from projections.invoices.lists.list_sql import InvoiceFilter, skipped_rows
from projections.invoices.lists.list_survey import (
    read_survey,
    survey_query,
)
from projections.invoices.lists.nth_page import nth_page_query
from projections.invoices.lists.ordered_ranges import are_rare, ordered_ranges
from projections.invoices.lists.read_plan import Fetcher, ReadPlan
from projections.invoices.lists.tenant_pages import is_of_tenant, read_tenant_page

_PASSED: Final = 1_000
"""Rows of a list's order that are passed first to fill a page of a wide range of amounts."""
_MORE_PASSED: Final = 4_000
"""The same where the first rows have a third of a page at least."""
_PASSED_OF_WORD: Final = 8
"""Times as many invoices of a word are passed, at most, as a page has."""
_PASSED_OF_ID: Final = 40
"""The same of a user, customer or subscription."""
_SORTED: Final = 300_000
"""Invoices of a range of amounts that are sorted for a page, at most, where bits found too few."""
_PASSED_BY_ONE: Final = 20
"""Rows passed for one of the list's facets, at most."""


@dataclass(frozen=True)
class ListRows:
    """Rows of a page and the cursor of the next one, with the total.

    Rows have `key`, `invoice_id`, `view` (JSON as text) and `position`.
    """

    rows: list[DictRow]
    next_cursor: str | None
    total: int
    total_is_exact: bool


class ListReader:
    """Reads lists of invoices. Each method may raise BadCursor and ReadModelUnavailable."""

    def __init__(
        self,
        pool: Fetcher,
        *,
        few: int = FEW,
        some: int = SOME,
        first_blocks: int = FIRST_BLOCKS,
        sample: Looked = SAMPLE,
    ) -> None:
        """`few`: at most so many invoices are read at once, to be filtered and sorted.

        `some`: a filter that leaves at most so many is read in the list's order before all others.
        `first_blocks`: so many blocks are looked at first of a list whose number is known.
        `sample`: these are looked at first of other lists.
        """
        self._pool = pool
        self._bitmaps = BitmapReader(pool, few=few, first_blocks=first_blocks, sample=sample)
        self._few = few
        self._some = some

    async def page(self, filters: InvoiceFilter) -> ListRows:
        """Return a page. Up to 10,000 the total is exact where an index has it."""
        if is_of_facets(filters):
            found, total = await read_facet_page(self._pool, filters)
            rows, next_cursor = _cut(found, filters)
            return ListRows(rows, next_cursor, total, True)
        if is_of_tenant(filters):
            plan, found = await read_tenant_page(
                self._pool, filters, few=self._few, some=self._some
            )
            if plan.few is not None:
                rows, next_cursor = _cut(found, filters)
                return ListRows(rows, next_cursor, plan.sizes[plan.few.name].items, True)
        else:
            plan = await self._plan(filters)
        return await self._page(filters, plan)

    async def _page(self, filters: InvoiceFilter, plan: ReadPlan) -> ListRows:
        estimate = None
        if plan.few is None:
            first_rows = await self._of_first_rows(filters, plan)
            if first_rows is not None:
                return first_rows
            by_bitmaps = await self._bitmaps.page(filters, plan)
            if by_bitmaps.rows is not None:
                return await self._of_bitmaps(filters, plan, by_bitmaps)
            estimate = by_bitmaps.total
            if filters.sort.endswith("createdAt") and estimate is not None and estimate <= _SORTED:
                # Its index has all of a range of amounts, of which few stand where the page begins.
                plan = replace(plan, most_of_index=_SORTED)
            if estimate is None:
                plan = await self._compared(filters, plan)
        found = await self._pool.fetch(*_query(filters, plan))
        if found and "total" in found[0]:
            total, is_exact = int(found[0]["total"]), True
            found = [row for row in found if row["invoice_id"] is not None]
        else:
            total, is_exact = await self._total(filters, plan, found, estimate=estimate)
        rows, next_cursor = _cut(found, filters)
        return ListRows(rows, next_cursor, total, is_exact)

    async def _of_first_rows(self, filters: InvoiceFilter, plan: ReadPlan) -> ListRows | None:
        """Return a page that the first rows of the list's order fill.

        Of a wide range of amounts, or of a word or an id with facets that most invoices have.
        """
        if is_of_one_value(filters, plan):
            queries = [_first_query(filters, plan)]
        elif _is_of_wide_amounts(filters, plan):
            queries = [
                ordered_pages.first_rows_query(filters, plan.facets, passed=passed)
                for passed in (_PASSED, _MORE_PASSED)
            ]
        else:
            return None
        for query in queries:
            found = await self._pool.fetch(*query)
            if len(found) > filters.limit:
                total, is_exact = await self._total(filters, plan, found, estimate=None)
                rows, next_cursor = _cut(found, filters)
                return ListRows(rows, next_cursor, total, is_exact)
            if 3 * len(found) <= filters.limit:
                break
        return None

    async def _of_bitmaps(
        self, filters: InvoiceFilter, plan: ReadPlan, page: BitmapPage
    ) -> ListRows:
        found = page.rows or []
        if page.is_exact and page.total is not None:
            total, is_exact = page.total, True
        else:
            total, is_exact = await self._total(filters, plan, found, estimate=page.total)
        rows, next_cursor = _cut(found, filters)
        return ListRows(rows, next_cursor, total, is_exact)

    async def chunks(
        self, filters: InvoiceFilter, export: Export, *, rows: int
    ) -> AsyncIterator[list[bytes]]:
        """Return a whole list as lines of CSV, so many at a time, each a query of its own.

        What is added meanwhile in front of what was read is not in it; no row is there twice.
        """
        filters = replace(filters, limit=rows, page=None)
        plan = await self._plan(filters)
        if plan.few is None:
            plan = await self._compared(filters, plan)
        while True:
            found = await self._pool.copy_csv(*_query(filters, plan, export=export))
            yield found[:rows]
            if len(found) <= rows:
                return
            last = place_of(found[rows - 1], mark=export.mark)
            cursor = keyset.cursor_after(last.key, last.invoice_id, name=filters.list_name)
            filters = replace(filters, cursor=cursor)
            # An invoice may have got into a facet that nothing had before.
            facets, _ = await self._facets(filters)
            plan = replace(plan, facets=facets)

    async def nth_page(self, filters: InvoiceFilter) -> list[DictRow]:
        """Return a page by its number, at any depth, of what a connection's provider has."""
        return await self._pool.fetch(*nth_page_query(filters))

    async def _plan(self, filters: InvoiceFilter) -> ReadPlan:
        of = list_plan.sources(filters, ())
        if of and all(one.term is not None for one in of):
            # Only one index has terms in order, whatever the words are.
            query = survey_query(filters, few=self._few)
            known = read_survey(await self._pool.fetch(*query, is_generic=True))
            if not known.emails:
                return ReadPlan(
                    (), known.facets, of, known.sizes, self._few, self._some, known.common
                )
            facets, emails = known.facets, known.emails
        else:
            facets, emails = await self._facets(filters)
        of = list_plan.sources(filters, emails)
        sizes: Mapping[str, Size] = {}
        if of:
            query = list_plan.sizes_query(filters, of, facets, few=self._few, with_ranges=True)
            sizes = list_plan.read_sizes(await self._pool.fetch(*query))
        return ReadPlan(emails, facets, of, sizes, self._few, self._some)

    async def _compared(self, filters: InvoiceFilter, plan: ReadPlan) -> ReadPlan:
        """Count sources further, to read the smallest one."""
        of, facets = plan.sources, plan.facets
        if not of or (len(of) == 1 and not are_rare(facets)):
            return plan
        query = list_plan.sizes_query(filters, of, facets, few=self._some, with_ranges=False)
        counted = list_plan.read_sizes(await self._pool.fetch(*query))
        sizes = {
            name: replace(size, items=counted[name].items) for name, size in plan.sizes.items()
        }
        return replace(plan, sizes=sizes)

    async def _facets(self, filters: InvoiceFilter) -> tuple[Facets, set[str]]:
        query = list_plan.facets_query(filters)
        (known,) = await self._pool.fetch(*query, is_generic=filters.q is not None)
        return list_plan.read_facets(known)

    async def _total(
        self,
        filters: InvoiceFilter,
        plan: ReadPlan,
        found: Sequence[DictRow],
        *,
        estimate: int | None,
    ) -> tuple[int, bool]:
        """Return the total of a list whose every filter leaves many, and whether it is exact."""
        if plan.counted is not None:
            is_exact = not plan.sources or plan.counted <= COUNTED_EXACTLY
            return (plan.counted if is_exact else COUNTED_EXACTLY), is_exact
        seen = skipped_rows(filters) + len(found)
        is_last = len(found) <= filters.limit
        if is_last and filters.cursor is None and (found or not skipped_rows(filters)):
            return seen, True
        if estimate is not None:
            return max(estimate, seen), False
        return max(await self._estimate(filters, plan), seen), False

    async def _estimate(self, filters: InvoiceFilter, plan: ReadPlan) -> int:
        query = list_estimate.estimate_query(filters, plan.facets, plan.emails)
        (explained,) = await self._pool.fetch(*query)
        return list_estimate.read_estimate(explained, plan.facets)


def _is_of_wide_amounts(filters: InvoiceFilter, plan: ReadPlan) -> bool:
    is_of_amounts = [one.name for one in plan.sources] == ["amount"]
    is_in_order = filters.sort.endswith("createdAt") and not skipped_rows(filters)
    if not is_of_amounts or not is_in_order or not has_wide_amounts(filters):
        return False
    return _PASSED_BY_ONE * plan.facets.items >= plan.facets.of_app


def _first_query(filters: InvoiceFilter, plan: ReadPlan) -> tuple[Composed, Parameters]:
    """Write the statement that reads a page from the first rows of a word or an id."""
    (one,) = plan.sources
    if one.name not in IDS:
        return _query(filters, plan, passed=_PASSED_OF_WORD * (filters.limit + 1))
    passed = _PASSED_OF_ID * (filters.limit + 1)
    return ordered_pages.first_rows_query(filters, plan.facets, passed=passed, of=one.conditions)


def _query(
    filters: InvoiceFilter,
    plan: ReadPlan,
    *,
    export: Export | None = None,
    passed: int | None = None,
) -> tuple[Composed, Parameters]:
    if plan.few is not None:
        return sorted_pages.few_query(filters, plan.few, plan.facets, plan.emails, export=export)
    ranges = ordered_ranges(filters, plan.facets, plan.sizes, plan.sources, some=plan.some)
    return ordered_pages.ordered_query(
        filters, ranges, plan.facets, plan.emails, export=export, passed=passed
    )


def _cut(found: Sequence[DictRow], filters: InvoiceFilter) -> tuple[list[DictRow], str | None]:
    return keyset.cut(
        found,
        limit=filters.limit,
        next_cursor=lambda last: keyset.cursor_after(
            last["key"], last["invoice_id"], name=filters.list_name
        ),
    )
