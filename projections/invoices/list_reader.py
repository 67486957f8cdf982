"""Read lists of invoices: a page with its total, or all pages one after the other."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from psycopg.rows import DictRow, TupleRow
from psycopg.sql import SQL, Composed

from projections.engine import keyset
from projections.engine.keyset import COUNTED_EXACTLY, Parameters
from projections.invoices import list_pages, list_plan
from projections.invoices.list_plan import FEW, SOME, Facets, Size, Source
from projections.invoices.list_sql import InvoiceFilter, skipped_rows
from projections.invoices.search_terms import prefix_range, query_terms

_EMAIL_TERMS: Final = SQL(
    "SELECT term.first FROM unnest(%(first)s::text[], %(after)s::text[]) AS term (first, after)"
    " WHERE EXISTS (SELECT FROM read.tenant_email_terms AS known WHERE known.app_id = %(app_id)s"
    " AND known.term >= term.first AND known.term < term.after)"
)


class Fetcher(Protocol):
    """Runs one statement, as a pool of readers does."""

    async def fetch(
        self, query: SQL | Composed, parameters: Sequence[object] | Mapping[str, object] = ()
    ) -> list[DictRow]:
        """Return the rows."""

    async def fetch_tuples(
        self, query: SQL | Composed, parameters: Sequence[object] | Mapping[str, object] = ()
    ) -> list[TupleRow]:
        """Return the rows without the names of their columns."""


@dataclass(frozen=True)
class ListRows:
    """Rows of a page and the cursor of the next one, with the total.

    Rows have `key`, `invoice_id`, `view` (JSON as text) and `position`.
    """

    rows: list[DictRow]
    next_cursor: str | None
    total: int
    total_is_exact: bool


@dataclass(frozen=True)
class _Plan:
    """Facets, sources and their sizes of a filter, read once before its first page."""

    emails: Collection[str]
    facets: Facets
    sources: Sequence[Source]
    sizes: Mapping[str, Size]
    most_few: int
    some: int

    @property
    def few(self) -> Source | None:
        """Return the source that leaves the fewest invoices, if they are few."""
        smallest = min(self.sources, key=lambda one: self.sizes[one.name].items, default=None)
        if smallest is None or self.sizes[smallest.name].items > self.most_few:
            return None
        return smallest

    @property
    def counted(self) -> int | None:
        """Return how many invoices fit, up to the cap; None where no index has the number."""
        if not self.sources:
            return self.facets.items
        whole = next((one for one in self.sources if one.is_whole), None)
        return None if whole is None else self.sizes[whole.name].items


class ListReader:
    """Reads lists of invoices. Each method may raise BadCursor and ReadModelUnavailable."""

    def __init__(self, pool: Fetcher, *, few: int = FEW, some: int = SOME) -> None:
        """`few`: at most so many invoices are read at once, to be filtered and sorted.

        `some`: a filter that leaves at most so many is read in the list's order before all others.
        """
        self._pool = pool
        self._few = few
        self._some = some

    async def page(self, filters: InvoiceFilter) -> ListRows:
        """Return a page. Up to 10,000 the total is exact where an index has it."""
        plan = await self._plan(filters)
        found = await self._pool.fetch(*_query(filters, plan))
        if found and "total" in found[0]:
            total, is_exact = int(found[0]["total"]), True
            found = [row for row in found if row["invoice_id"] is not None]
        else:
            total, is_exact = await self._total(filters, plan, found)
        rows, next_cursor = _cut(found, filters)
        return ListRows(rows, next_cursor, total, is_exact)

    async def chunks(
        self, filters: InvoiceFilter, *, fields: Sequence[str], rows: int
    ) -> AsyncIterator[list[TupleRow]]:
        """Return a whole list, so many rows at a time, each a query of its own.

        A row has the fields of its view as text, then its key and its id (see `export`). What is
        added meanwhile in front of what was read is not in it; no row is there twice.
        """
        filters = replace(filters, limit=rows, page=None)
        plan = await self._plan(filters)
        while True:
            found = await self._pool.fetch_tuples(*_query(filters, plan, fields=fields))
            if not found or found[0][len(fields) + 1] is None:
                yield []
                return
            yield found[:rows]
            if len(found) <= rows:
                return
            key, invoice_id = found[rows - 1][len(fields) :][:2]
            cursor = keyset.cursor_after(key, invoice_id, name=filters.list_name)
            filters = replace(filters, cursor=cursor)
            # An invoice may have got into a facet that nothing had before.
            plan = replace(plan, facets=await self._facets(filters))

    async def nth_page(self, filters: InvoiceFilter) -> list[DictRow]:
        """Return a page by its number, at any depth, of what a connection's provider has."""
        return await self._pool.fetch(*list_pages.nth_page_query(filters))

    async def _plan(self, filters: InvoiceFilter) -> _Plan:
        emails = await self._email_terms(filters)
        facets = await self._facets(filters)
        sources = list_plan.sources(filters, emails)
        sizes: Mapping[str, Size] = {}
        if sources:
            query = list_plan.sizes_query(filters, sources, facets, few=self._few, with_ranges=True)
            sizes = list_plan.read_sizes(await self._pool.fetch(*query))
        smallest = min([facets.items, *(size.items for size in sizes.values())])
        if sizes and smallest > self._few and (len(sizes) > 1 or list_plan.are_rare(facets)):
            sizes = await self._compared(filters, sources, facets, sizes)
        return _Plan(emails, facets, sources, sizes, self._few, self._some)

    async def _compared(
        self,
        filters: InvoiceFilter,
        of: Sequence[Source],
        facets: Facets,
        sizes: Mapping[str, Size],
    ) -> Mapping[str, Size]:
        """Count sources further, to read the smallest one."""
        query = list_plan.sizes_query(filters, of, facets, few=self._some, with_ranges=False)
        counted = list_plan.read_sizes(await self._pool.fetch(*query))
        return {name: replace(size, items=counted[name].items) for name, size in sizes.items()}

    async def _facets(self, filters: InvoiceFilter) -> Facets:
        (known,) = await self._pool.fetch(*list_plan.facets_query(filters))
        return Facets(known["numbers"], known["items"], known["of_app"])

    async def _total(
        self, filters: InvoiceFilter, plan: _Plan, found: Sequence[DictRow]
    ) -> tuple[int, bool]:
        """Return the total of a list whose every filter leaves many, and whether it is exact."""
        if plan.counted is not None:
            is_exact = not plan.sources or plan.counted <= COUNTED_EXACTLY
            return (plan.counted if is_exact else COUNTED_EXACTLY), is_exact
        seen = skipped_rows(filters) + len(found)
        is_last = len(found) <= filters.limit
        if is_last and filters.cursor is None and (found or not skipped_rows(filters)):
            return seen, True
        query = list_pages.estimate_query(filters, plan.facets, plan.emails)
        (explained,) = await self._pool.fetch(*query)
        rows = _planned_rows(explained) * plan.facets.items // max(plan.facets.of_app, 1)
        return max(rows, seen), False

    async def _email_terms(self, filters: InvoiceFilter) -> set[str]:
        """Return the terms searched for that some tenant's e-mail has."""
        terms = query_terms(filters.q or "")
        if not terms:
            return set()
        firsts, afters = zip(*map(prefix_range, terms), strict=True)
        parameters = {"app_id": filters.app_id, "first": list(firsts), "after": list(afters)}
        return {row["first"] for row in await self._pool.fetch(_EMAIL_TERMS, parameters)}


def _query(
    filters: InvoiceFilter, plan: _Plan, *, fields: Sequence[str] = ()
) -> tuple[Composed, Parameters]:
    if plan.few is not None:
        return list_pages.few_query(filters, plan.few, plan.facets, plan.emails, fields=fields)
    ranges = list_plan.ordered_ranges(
        filters, plan.facets, plan.sizes, plan.sources, some=plan.some
    )
    return list_pages.ordered_query(filters, ranges, plan.facets, plan.emails, fields=fields)


def _planned_rows(explained: Mapping[str, Any]) -> int:
    return int(explained["QUERY PLAN"][0]["Plan"]["Plan Rows"])


def _cut(found: Sequence[DictRow], filters: InvoiceFilter) -> tuple[list[DictRow], str | None]:
    return keyset.cut(
        found,
        limit=filters.limit,
        next_cursor=lambda last: keyset.cursor_after(
            last["key"], last["invoice_id"], name=filters.list_name
        ),
    )
