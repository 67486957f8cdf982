"""Choose how a page of invoices is read, so that the rows read stay few for any filter.

First, which facets fit, with their counts. Then each other filter that has an index is counted, up
to a cap. One that leaves few invoices gives them all: they are filtered, sorted and counted. If all
leave many, the page is read in the list's order (`ordered_ranges`).
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Composed, Literal

from projections.engine import keyset
from projections.engine.keyset import COUNTED_EXACTLY, Parameters
from projections.invoices.lists import list_sql as sql
from projections.invoices.lists.amount_groups import has_wide_amounts
from projections.invoices.lists.list_sql import InvoiceFilter
from projections.invoices.search_terms import prefix_range, query_terms

FEW: Final = 1_000
SOME: Final = 10_000
MOST_RANGES: Final = 30
BEGINNING: Final = 4
"""Number of a term's first characters that the index of beginnings has."""
IDS: Final = ("user_id", "customer", "subscription_id")
"""Filters by an id whose index has the order of creation."""
FACETS: Final = ("numbers", "several", "items", "of_app", "emails")
"""Columns of the answer of `facets_query`."""
_AND: Final = SQL(" AND ")
_BEHIND_ALL: Final = "\U0010ffff"

# Also facets without an invoice: one may get into them before the page is read.
_FACETS: Final = SQL(
    "SELECT coalesce(array_agg(facet) FILTER (WHERE {fits}), '{{}}')::text AS numbers,"
    " count(*) FILTER (WHERE {fits}) AS several,"
    " coalesce(sum(items) FILTER (WHERE {fits}), 0)::bigint AS items,"
    " coalesce(sum(items), 0)::bigint AS of_app, {emails} AS emails"
    " FROM read.invoice_facets WHERE app_id = %(app_id)s"
)
_EMAILS: Final = SQL(
    "ARRAY(SELECT term.first FROM unnest(%(words)s::text[], %(behind)s::text[])"
    " AS term (first, after) WHERE EXISTS (SELECT FROM read.tenant_email_terms AS known"
    " WHERE known.app_id = %(app_id)s AND known.term >= term.first AND known.term < term.after))"
)
_OF_FACETS: Final = SQL("app_id = %(app_id)s AND facet = ANY(%(facets)s::bigint[])")
_INVOICES: Final = SQL("SELECT invoice_id FROM read.invoices AS invoice WHERE {conditions}")
_POSTINGS: Final = SQL(
    "SELECT app_id, invoice_id, created_at FROM read.invoice_search_terms"
    " WHERE app_id = %(app_id)s AND term >= {first} AND term < {after}"
)
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
    """The facets that fit a filter, and the numbers of invoices in them and in the app.

    `numbers`: as text of an array, which goes back to the database as it is: an app may have
    hundreds, and to read and write each took longer than the statement.
    """

    numbers: str
    several: int
    items: int
    of_app: int


@dataclass(frozen=True)
class Source:
    """A filter with an index: its invoices, and whether it is the whole filter of a list.

    `conditions`: of its rows, where it is not a term. `postings`: its rows without their columns,
    where a term alone finds them. `known_words`: words of the search that all its invoices have,
    counted from 0. `is_of_index`: its index has every other filter of the list and both orders, so
    that as many are read at once as are counted.
    """

    name: str
    found: Composed
    is_whole: bool = False
    is_of_index: bool = False
    term: int | None = None
    conditions: tuple[Composable, ...] = ()
    postings: Composed | None = None
    known_words: frozenset[int] = frozenset()

    @property
    def is_counted_far(self) -> bool:
        """Return whether it is counted up to the number that totals are exact to."""
        return self.is_whole or self.is_of_index


@dataclass(frozen=True)
class Size:
    """Number of invoices of a source, up to a cap, and the values that divide it into ranges."""

    items: int
    ranges: list[Any] = field(default_factory=list)


def facets_query(filters: InvoiceFilter) -> tuple[Composed, Parameters]:
    """Write the statement that finds the facets of a filter.

    And which of the terms searched for some tenant's e-mail has.
    """
    terms = query_terms(filters.q or "")
    emails = _EMAILS if terms else SQL("ARRAY[]::text[]")
    query = _FACETS.format(fits=_AND.join(sql.facet_conditions(filters)), emails=emails)
    ranges = [prefix_range(term) for term in terms]
    words = {"words": [first for first, _ in ranges], "behind": [after for _, after in ranges]}
    return query, sql.parameters_of(filters) | words


def read_facets(row: DictRow) -> tuple[Facets, set[str]]:
    """Read the answer of `facets_query`: the facets, and the terms that e-mails have."""
    known = {name: value for name, value in row.items() if name != "emails"}
    return Facets(**known), set(row["emails"])


def sources(filters: InvoiceFilter, emails: Collection[str]) -> list[Source]:
    """Return the sources of a filter but for its facets, which are counted."""
    found = [*_of_columns(filters), *_of_terms(filters, emails)]
    names = [source.name for source in found]
    if names == ["facets"]:
        return [replace(source, is_whole=True) for source in found]
    if names == ["amount"]:
        return [replace(source, is_whole=True, is_of_index=True) for source in found]
    is_of_index = filters.tenant_id is None and not has_wide_amounts(filters)
    if names == ["facets", "amount"] and is_of_index:
        facets, amount = found
        created = keyset.bound_conditions(filters, sql.CREATED)
        both = (*amount.conditions, *created)
        return [facets, replace(amount, is_of_index=True, conditions=both)]
    return found


def _of_columns(filters: InvoiceFilter) -> Iterator[Source]:
    created = [*keyset.bound_conditions(filters, sql.CREATED)]
    if filters.tenant_id is not None or created:
        tenant = [*keyset.equal_conditions(filters, ["tenant_id"])]
        # All facets of an app are the app: to plan for hundreds takes longer than to count.
        is_of_facets = sql.has_facet(filters) or bool(tenant and created)
        of = _OF_FACETS if is_of_facets else SQL("app_id = %(app_id)s")
        yield _source("facets", [of, *tenant, *created])
    amount = [*keyset.bound_conditions(filters, sql.AMOUNT)]
    if amount:
        yield _source("amount", [_OF_FACETS, *amount])
    for name in IDS:
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
            yield Source(f"term {number}", found)
        else:
            postings = _POSTINGS.format(**sql.term_range(number))
            yield Source(f"term {number}", found, term=number, postings=postings)


def sizes_query(
    filters: InvoiceFilter, of: Sequence[Source], facets: Facets, *, few: int, with_ranges: bool
) -> tuple[Composed, Parameters]:
    """Write the statement that counts sources, each up to a cap."""
    query = SQL(" UNION ALL ").join(size_selects(filters, of, few=few, with_ranges=with_ranges))
    return query, sql.parameters_of(filters) | {"facets": facets.numbers}


def size_selects(
    filters: InvoiceFilter, of: Sequence[Source], *, few: int, with_ranges: bool
) -> list[Composed]:
    """Write for each source what counts it up to a cap, and what divides it into ranges."""
    return [
        _SIZE.format(
            name=Literal(source.name),
            found=source.found,
            most=Literal((COUNTED_EXACTLY if source.is_counted_far else few) + 1),
            ranges=_ranges(filters, source) if with_ranges else SQL("NULL::text[]"),
        )
        for source in of
    ]


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
