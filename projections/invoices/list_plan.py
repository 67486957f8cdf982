"""Choose how a page of invoices is read, so that the rows read stay few for any filter.

First, which facets fit, with their counts. Then each other filter that has an index is counted, up
to a cap. One that leaves few invoices gives them all: they are filtered, sorted and counted. If all
leave many, the page is read in the list's order: from the ranges of the facets, of a search term or
of days of payment, each in this order in its index, merged. Of several filters, that one is read
which leaves the fewest, if it leaves less than `SOME`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Composed, Literal

from projections.engine import keyset
from projections.engine.keyset import COUNTED_EXACTLY, Parameters
from projections.invoices import list_sql as sql
from projections.invoices.list_sql import InvoiceFilter
from projections.invoices.payment_days import divide
from projections.invoices.search_terms import query_terms

FEW: Final = 1_000
SOME: Final = 10_000
MOST_RANGES: Final = 30
BEGINNING: Final = 4
"""Number of a term's first characters that the index of beginnings has."""
_RARE: Final = 20
"""Facets that have at most one of so many invoices are read, whatever else is searched for."""
_UNCOMMON: Final = 5
"""The same where no other filter is in the list's order."""
_AND: Final = SQL(" AND ")
_BEHIND_ALL: Final = "\U0010ffff"

# Also facets without an invoice: one may get into them before the page is read.
_FACETS: Final = SQL(
    "SELECT coalesce(array_agg(facet) FILTER (WHERE {fits}), '{{}}') AS numbers,"
    " coalesce(sum(items) FILTER (WHERE {fits}), 0)::bigint AS items,"
    " coalesce(sum(items), 0)::bigint AS of_app"
    " FROM read.invoice_facets WHERE app_id = %(app_id)s"
)
_OF_FACETS: Final = SQL("app_id = %(app_id)s AND facet = ANY(%(facets)s::bigint[])")
_INVOICES: Final = SQL("SELECT invoice_id FROM read.invoices AS invoice WHERE {conditions}")
_TERMS: Final = SQL(
    "SELECT invoice_id FROM read.invoice_search_terms WHERE app_id = %(app_id)s"
    " AND term >= {first} AND term < {after}"
)
_SIZE: Final = SQL(
    "SELECT {name} AS name, (SELECT count(*) FROM ({found} LIMIT {most}) AS first_rows) AS items,"
    " {ranges} AS ranges"
)
# A loose index scan: from each value to the next one that differs.
_DISTINCT: Final = SQL(
    """
ARRAY(WITH RECURSIVE one (term) AS (
    (SELECT term FROM read.invoice_search_terms WHERE app_id = %(app_id)s
     AND term >= {first} AND term < {after} ORDER BY term LIMIT 1)
    UNION ALL
    SELECT (SELECT term FROM read.invoice_search_terms WHERE app_id = %(app_id)s
            AND term > {value} || {behind} AND term < {after} ORDER BY term LIMIT 1)
    FROM one WHERE one.term IS NOT NULL
) SELECT {value} FROM one WHERE one.term IS NOT NULL LIMIT {most})
"""
)
_PAID_BETWEEN: Final = SQL(
    "ARRAY[(SELECT min(paid_at)::text FROM read.invoices WHERE {paid}),"
    " (SELECT max(paid_at)::text FROM read.invoices WHERE {paid})]"
)


@dataclass(frozen=True)
class Facets:
    """The facets that fit a filter, and the numbers of invoices in them and in the app."""

    numbers: list[int]
    items: int
    of_app: int


@dataclass(frozen=True)
class Source:
    """A filter with an index: its invoices, and whether it is the whole filter of a list.

    `conditions`: of its rows, where it is not a term.
    """

    name: str
    found: Composed
    is_whole: bool = False
    term: int | None = None
    conditions: tuple[Composable, ...] = ()


@dataclass(frozen=True)
class Size:
    """Number of invoices of a source, up to a cap, and the values that divide it into ranges."""

    items: int
    ranges: list[Any] = field(default_factory=list)


def facets_query(filters: InvoiceFilter) -> tuple[Composed, Parameters]:
    """Write the statement that finds the facets of a filter."""
    fits = _AND.join(sql.facet_conditions(filters))
    return _FACETS.format(fits=fits), sql.parameters_of(filters)


def sources(filters: InvoiceFilter, emails: Collection[str]) -> list[Source]:
    """Return the sources of a filter but for its facets, which are counted."""
    found = [*_of_columns(filters), *_of_terms(filters, emails)]
    whole = [source.name for source in found] in (["facets"], ["amount"])
    if not whole:
        return found
    return [replace(source, is_whole=True) for source in found]


def _of_columns(filters: InvoiceFilter) -> Iterator[Source]:
    created = [*keyset.bound_conditions(filters, sql.CREATED)]
    if filters.tenant_id is not None or created:
        tenant = [*keyset.equal_conditions(filters, ["tenant_id"])]
        yield _source("facets", [_OF_FACETS, *tenant, *created])
    amount = [*keyset.bound_conditions(filters, sql.AMOUNT)]
    if amount:
        yield _source("amount", [_OF_FACETS, *amount])
    for name in ("user_id", "customer", "subscription_id"):
        for condition in keyset.equal_conditions(filters, [name]):
            yield _source(name, [SQL("app_id = %(app_id)s"), condition, *created])
    paid = [*keyset.bound_conditions(filters, sql.PAID)]
    if paid:
        yield _source("paid", [SQL("app_id = %(app_id)s"), *paid])


def _source(name: str, conditions: Sequence[Composable]) -> Source:
    found = _INVOICES.format(conditions=_AND.join(conditions))
    return Source(name, found, conditions=tuple(conditions))


def _of_terms(filters: InvoiceFilter, emails: Collection[str]) -> Iterator[Source]:
    for number, term in enumerate(query_terms(filters.q or "")):
        found = _TERMS.format(**sql.term_range(number))
        if term in emails:
            by_email = _AND.join([SQL("app_id = %(app_id)s"), sql.tenants_by_email(number)])
            invoices = _INVOICES.format(conditions=by_email)
            found = SQL("(SELECT * FROM (({}) UNION ALL ({})) AS either)").format(found, invoices)
        yield Source(f"term {number}", found, term=None if term in emails else number)


def sizes_query(
    filters: InvoiceFilter, of: Sequence[Source], facets: Facets, *, few: int, with_ranges: bool
) -> tuple[Composed, Parameters]:
    """Write the statement that counts sources, each up to a cap."""
    selects = []
    for source in of:
        most = COUNTED_EXACTLY if source.is_whole else few
        ranges = _ranges(filters, source) if with_ranges else SQL("NULL::text[]")
        selects.append(
            _SIZE.format(
                name=Literal(source.name), found=source.found, most=Literal(most + 1), ranges=ranges
            )
        )
    query = SQL(" UNION ALL ").join(selects)
    return query, sql.parameters_of(filters) | {"facets": facets.numbers}


def _ranges(filters: InvoiceFilter, source: Source) -> Composable:
    if source.name == "paid":
        paid = [SQL("app_id = %(app_id)s"), *keyset.bound_conditions(filters, sql.PAID)]
        return _PAID_BETWEEN.format(paid=_AND.join(paid))
    if source.term is None:
        return SQL("NULL::text[]")
    bounds = sql.term_range(source.term)
    most = Literal(MOST_RANGES + 1)
    terms = _DISTINCT.format(**bounds, value=SQL("one.term"), behind=Literal(""), most=most)
    beginning = SQL("substr(one.term, 1, {})").format(Literal(BEGINNING))
    # A shorter term is its own beginning, and a beginning of others as well.
    behind = SQL("CASE WHEN length(one.term) < {} THEN '' ELSE {} END").format(
        Literal(BEGINNING), Literal(_BEHIND_ALL)
    )
    beginnings = _DISTINCT.format(**bounds, value=beginning, behind=behind, most=most)
    # The beginnings stand behind the terms, if these are few.
    return SQL(
        "(SELECT CASE WHEN cardinality(terms) <= {few} THEN array_prepend('term', terms)"
        " ELSE array_prepend('beginning', {beginnings}) END"
        " FROM (SELECT {terms} AS terms) AS known)"
    ).format(few=Literal(MOST_RANGES), beginnings=beginnings, terms=terms)


def read_sizes(found: Sequence[DictRow]) -> dict[str, Size]:
    """Read the answer of `sizes_query`."""
    return {row["name"]: Size(row["items"], row["ranges"] or []) for row in found}


@dataclass(frozen=True)
class Ranges:
    """Ranges of an index, each in the list's order: `column` equals one of the values.

    `is_exact`: every row of the ranges fits; otherwise the range of beginnings has other terms.
    """

    column: Composable
    kind: Composable
    values: list[Any]
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
        if any(name in sizes for name in ("user_id", "customer", "subscription_id")):
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
        is_cheaper = len(facets.numbers) * facets.items <= facets.of_app
        return is_cheaper or _UNCOMMON * facets.items <= facets.of_app
    return 2 * facets.items <= facets.of_app or len(facets.numbers) <= MOST_RANGES


def _suits_tenant(facets: Facets, sizes: Mapping[str, Size], of: Sequence[Source]) -> bool:
    """Return whether to merge ranges of a tenant's facets, which only creation has in order.

    Not if the tenant has a large part of the app and rows are checked one by one.
    """
    is_large = sizes["facets"].items * len(facets.numbers) > facets.of_app
    return len(of) == 1 or not is_large or sizes["facets"].items <= SOME


def _of_source(source: Source, sizes: Mapping[str, Size]) -> list[Ranges] | None:
    """Return the ranges of one source in the order of creation; None if it has none."""
    if source.name in ("user_id", "customer", "subscription_id"):
        return []
    if source.name == "paid":
        return _of_payments(*sizes["paid"].ranges)
    return [*_of_postings([source], sizes)] or None if source.term is not None else None


def _of_postings(terms: Sequence[Source], sizes: Mapping[str, Size]) -> Iterator[Ranges]:
    """Yield the ranges of each term of a search that has few of them."""
    for source in terms:
        kind, *values = sizes[source.name].ranges
        if 0 < len(values) <= MOST_RANGES:
            is_exact = kind == "term"
            column = SQL("term" if is_exact else "substr(term, 1, 4)")
            yield Ranges(column, SQL("text"), values, source.term, is_exact)


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
