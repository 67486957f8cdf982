"""Choose ranges of indexes for a page of invoices that is read in the list's order.

They are ranges of the facets, of a search term or of days of payment, each in this order in its
index, merged. Of several filters, that one is read which leaves the fewest, if it leaves less than
`SOME`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from psycopg.sql import SQL, Composable

from projections.invoices.lists.list_plan import IDS, MOST_RANGES, SOME, Facets, Size, Source
from projections.invoices.lists.list_sql import InvoiceFilter
from projections.invoices.lists.payment_days import divide

_RARE: Final = 20
"""Facets that have at most one of so many invoices are read, whatever else is searched for."""
_UNCOMMON: Final = 5
"""The same where no other filter is in the list's order."""


@dataclass(frozen=True)
class Ranges:
    """Ranges of an index, each in the list's order: `column` equals one of the values.

    `values`: a list, or an array's text.

    `is_exact`: every row of the ranges fits; otherwise the range of beginnings has other terms.
    """

    column: Composable
    kind: Composable
    values: list[Any] | str
    term: int | None = None
    is_exact: bool = True

    @property
    def is_of_terms(self) -> bool:
        """Return whether the index is one of search terms."""
        return self.term is not None


def ordered_ranges(
    filters: InvoiceFilter,
    facets: Facets,
    sizes: Mapping[str, Size],
    of: Sequence[Source],
    *,
    some: int = SOME,
) -> list[Ranges]:
    """Choose ranges for a list whose every filter leaves many; none: the order of the app.

    Ranges of several terms are to be intersected; all others are merged.
    """
    smallest = _smallest(filters, sizes, of, most=min(some, facets.items))
    if smallest is not None:
        return smallest
    of_facets = [Ranges(SQL("facet"), SQL("bigint"), facets.numbers)]
    if are_rare(facets):
        return of_facets
    if filters.sort.endswith("createdAt"):
        terms = [source for source in of if source.name.startswith("term ")]
        # Of two ways, by a term and by an e-mail, neither is in the list's order.
        is_in_order = all(source.term is not None for source in terms)
        found = [*_of_postings(terms, sizes)] if is_in_order else []
        if found:
            return found
        if any(name in sizes for name in IDS):
            return []
        if "paid" in sizes and filters.tenant_id is None:
            return _of_payments(*sizes["paid"].ranges)
    if filters.sort.endswith("createdAt") and filters.tenant_id is not None:
        suits_facets = _suits_tenant(facets, sizes, of)
    else:
        suits_facets = _suits_facets(filters, facets, of)
    return of_facets if suits_facets else []


def are_rare(facets: Facets) -> bool:
    """Return whether facets are to be read before any filter that leaves very many."""
    return _RARE * facets.items <= facets.of_app


def _smallest(
    filters: InvoiceFilter, sizes: Mapping[str, Size], of: Sequence[Source], *, most: int
) -> list[Ranges] | None:
    """Return the ranges of the source that leaves the fewest; None if all leave very many."""
    if not of or not filters.sort.endswith("createdAt"):
        return None
    source = min(of, key=lambda one: sizes[one.name].items)
    if sizes[source.name].items > most:
        return None
    return _of_source(source, sizes)


def _suits_facets(filters: InvoiceFilter, facets: Facets, of: Sequence[Source]) -> bool:
    """Return whether to merge ranges of facets rather than to read the app in its order."""
    # A filter of the order's own column bounds each range; another one is checked row by row, in
    # every range until that alone has a page.
    of_order = "facets" if filters.sort.endswith("createdAt") else "amount"
    if any(source.name != of_order for source in of):
        is_cheaper = facets.several * facets.items <= facets.of_app
        return is_cheaper or _UNCOMMON * facets.items <= facets.of_app
    return 2 * facets.items <= facets.of_app or facets.several <= MOST_RANGES


def _suits_tenant(facets: Facets, sizes: Mapping[str, Size], of: Sequence[Source]) -> bool:
    """Return whether to merge ranges of a tenant's facets, which only creation has in order.

    Not if the tenant has a large part of the app and rows are checked one by one.
    """
    is_large = sizes["facets"].items * facets.several > facets.of_app
    return len(of) == 1 or not is_large or sizes["facets"].items <= SOME


def _of_source(source: Source, sizes: Mapping[str, Size]) -> list[Ranges] | None:
    """Return the ranges of one source in the order of creation; None if it has none."""
    if source.name in IDS:
        return []
    if source.name == "paid":
        return _of_payments(*sizes["paid"].ranges)
    return [*_of_postings([source], sizes)] or None if source.term is not None else None


def _of_postings(terms: Sequence[Source], sizes: Mapping[str, Size]) -> Iterator[Ranges]:
    """Yield the ranges of each term of a search that has few of them."""
    for source in terms:
        kind, *values = sizes[source.name].ranges
        if has_few_ranges(sizes[source.name]):
            is_exact = kind == "term"
            column = SQL("term" if is_exact else "substr(term, 1, 4)")
            yield Ranges(column, SQL("text"), values, source.term, is_exact)


def has_few_ranges(size: Size) -> bool:
    """Return whether the terms of a word, or their beginnings, are few: they follow their kind."""
    return 1 < len(size.ranges) <= 1 + MOST_RANGES


def _of_payments(first: str | None, last: str | None) -> list[Ranges]:
    if first is None or last is None:
        return []
    days, months = divide(
        *(datetime.fromisoformat(at).astimezone(UTC).date() for at in (first, last))
    )
    zoned = "paid_at AT TIME ZONE 'UTC'"
    found = [Ranges(SQL(f"(({zoned})::date)"), SQL("date"), days)]
    if months:
        column = SQL(f"date_trunc('month', {zoned})")
        found.append(Ranges(column, SQL("timestamp"), months))
    return found
