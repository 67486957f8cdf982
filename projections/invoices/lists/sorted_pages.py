"""Write the statements that filter and sort all invoices that some filters leave."""

from collections.abc import Collection, Iterable
from typing import Final

from psycopg.sql import SQL, Composable, Composed

from projections.engine.keyset import Parameters
from projections.invoices.lists import list_sql as sql
from projections.invoices.lists import page_parts as parts
from projections.invoices.lists.export import Export
from projections.invoices.lists.list_plan import Facets, Source
from projections.invoices.lists.list_sql import InvoiceFilter

_AND: Final = SQL(" AND ")
_FEW: Final = SQL(
    """
WITH fitting AS MATERIALIZED (
    SELECT {key} AS key, invoice.invoice_id FROM {rows} AS invoice WHERE {conditions}
), page AS (
    SELECT key, invoice_id FROM fitting WHERE {after}
    ORDER BY key {direction}, invoice_id {direction} LIMIT %(rows)s OFFSET %(skipped)s
)
SELECT {columns}{total}
FROM (SELECT count(*) AS total FROM fitting) AS total
LEFT JOIN page ON true LEFT JOIN read.invoices AS invoice ON invoice.invoice_id = page.invoice_id
{known} WHERE {present}
ORDER BY page.key {direction}, page.invoice_id {direction}
"""
)
_WHOLE_ROWS: Final = SQL("(SELECT * FROM read.invoices WHERE {conditions} OFFSET 0)")
_ROWS_OF_INDEX: Final = SQL(
    "(SELECT created_at, total_minor, invoice_id FROM read.invoices WHERE {conditions} OFFSET 0)"
)
_ROWS_OF_POSTINGS: Final = SQL(
    "(SELECT DISTINCT app_id, created_at, invoice_id FROM ({postings}) AS posting)"
)
_ROWS_OF_TERM: Final = SQL(
    """
(SELECT row.* FROM (SELECT DISTINCT invoice_id FROM ({found}) AS source) AS few
 CROSS JOIN LATERAL (
    SELECT * FROM read.invoices WHERE invoices.invoice_id = few.invoice_id OFFSET 0
 ) AS row)
"""
)
# Of several filters that bitmaps have: rows of the page, and rows that are counted.
_CANDIDATES: Final = SQL(
    """
WITH candidate AS MATERIALIZED (
    SELECT invoice_id, bool_or(is_paged) AS is_paged, bool_or(is_counted) AS is_counted
    FROM ({found}) AS found GROUP BY invoice_id
), fitting AS MATERIALIZED (
    SELECT {key} AS key, invoice.invoice_id, is_paged, is_counted FROM (
        SELECT row.*, candidate.is_paged, candidate.is_counted FROM candidate
        CROSS JOIN LATERAL (
            SELECT * FROM read.invoices WHERE invoices.invoice_id = candidate.invoice_id OFFSET 0
        ) AS row
    ) AS invoice WHERE {conditions}
), page AS (
    SELECT key, invoice_id FROM fitting WHERE is_paged AND {after}
    ORDER BY key {direction}, invoice_id {direction} LIMIT %(rows)s OFFSET %(skipped)s
)
SELECT {columns}, total.total, total.fitting, total.checked, total.numbering, total.waiting
FROM (
    SELECT count(*) FILTER (WHERE is_counted) AS total,
        count(*) FILTER (WHERE is_paged) AS fitting,
        (SELECT count(*) FROM candidate WHERE is_paged) AS checked,
        {numbering} AS numbering, {waiting} AS waiting FROM fitting
) AS total
LEFT JOIN page ON true LEFT JOIN read.invoices AS invoice ON invoice.invoice_id = page.invoice_id
{known}
ORDER BY page.key {direction}, page.invoice_id {direction}
"""
)


def few_query(
    filters: InvoiceFilter,
    source: Source,
    facets: Facets,
    emails: Collection[str],
    *,
    export: Export | None = None,
) -> tuple[Composed, Parameters]:
    """Write the statement that filters, sorts and counts all invoices of a source.

    `export`: lines of CSV to be selected instead of the view.
    """
    after, page_key = parts.after(filters, SQL("key"))
    rows, conditions = _rows_of(filters, source, emails)
    query = _FEW.format(
        rows=rows,
        key=parts.key(filters),
        conditions=_AND.join([SQL("true"), *conditions]),
        after=after,
        direction=sql.direction(filters),
        total=SQL(", total.total" if export is None else ""),
        present=SQL("true" if export is None else "page.invoice_id IS NOT NULL"),
        **parts.selected(filters, export),
    )
    return query, parts.parameters(filters, facets) | page_key | parts.mark(export)


def _rows_of(
    filters: InvoiceFilter, source: Source, emails: Collection[str]
) -> tuple[Composable, Iterable[Composable]]:
    """Write the rows of a source, from its index alone where that has all, and what they miss."""
    if source.is_of_index:
        return _ROWS_OF_INDEX.format(conditions=_AND.join(source.conditions)), ()
    conditions = parts.conditions(filters, emails, but=_known_words(source))
    if source.postings is not None and _is_of_postings(filters, emails):
        return _ROWS_OF_POSTINGS.format(postings=source.postings), conditions
    if not source.conditions:
        return _ROWS_OF_TERM.format(found=source.found), conditions
    return _WHOLE_ROWS.format(conditions=_AND.join(source.conditions)), conditions


def candidates_query(
    filters: InvoiceFilter,
    found: Composed,
    facets: Facets,
    emails: Collection[str],
    *,
    known_words: Collection[int],
    numbering: SQL,
    waiting: SQL,
) -> tuple[Composed, Parameters]:
    """Write the statement that filters and sorts candidates of a page, and counts some of them."""
    after, page_key = parts.after(filters, SQL("key"))
    checked, values = sql.checked_conditions(filters, facets.numbers)
    words = sql.term_conditions(filters, emails, but=known_words)
    query = _CANDIDATES.format(
        found=found,
        key=parts.key(filters),
        conditions=_AND.join([checked, *words]),
        after=after,
        direction=sql.direction(filters),
        numbering=numbering,
        waiting=waiting,
        **parts.selected(filters, None),
    )
    return query, parts.parameters(filters, facets) | page_key | values


def _is_of_postings(filters: InvoiceFilter, emails: Collection[str]) -> bool:
    """Return whether terms and the order need no row of the invoices themselves."""
    has_columns = len([*sql.column_conditions(filters)]) > 1 or sql.has_facet(filters)
    return not (has_columns or emails) and filters.sort.endswith("createdAt")


def _known_words(source: Source) -> Collection[int]:
    return source.known_words if source.term is None else [source.term]
