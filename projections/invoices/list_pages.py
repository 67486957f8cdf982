"""Write the statements that answer with a page of invoices."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal, Placeholder

from projections.engine import keyset
from projections.engine.keyset import Parameters
from projections.invoices import list_postings
from projections.invoices import list_sql as sql
from projections.invoices.export import Export, exported, known_fields
from projections.invoices.list_plan import Facets, Source
from projections.invoices.list_sql import InvoiceFilter
from projections.invoices.ordered_ranges import Ranges

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
SELECT {columns}, total.total, total.numbering, total.waiting
FROM (
    SELECT count(*) FILTER (WHERE is_counted) AS total, {numbering} AS numbering,
        {waiting} AS waiting FROM fitting
) AS total
LEFT JOIN page ON true LEFT JOIN read.invoices AS invoice ON invoice.invoice_id = page.invoice_id
{known}
ORDER BY page.key {direction}, page.invoice_id {direction}
"""
)
# OFFSET 0: the rows are read by their ids, never by an index of the filter for each of them.
# Whole rows of the page alone: the rows before it need their keys only, which stand in the index.
_PAGE: Final = SQL(
    """
WITH page AS MATERIALIZED (
    SELECT key, invoice_id FROM ({found}) AS found
    ORDER BY key {direction}, invoice_id {direction} LIMIT %(rows)s OFFSET %(skipped)s
)
SELECT {columns}
FROM page JOIN read.invoices AS invoice ON invoice.invoice_id = page.invoice_id
{known}
ORDER BY page.key {direction}, page.invoice_id {direction}
"""
)
# Without the join, which for very many rows takes longer than all else.
_WHOLE_ROWS: Final = SQL(
    """
SELECT {columns} FROM (
    SELECT {key} AS key, invoice_id, view, position FROM read.invoices AS invoice
    WHERE {conditions} ORDER BY {key} {direction}, invoice_id {direction} LIMIT %(rows)s
) AS invoice {known}
ORDER BY invoice.key {direction}, invoice.invoice_id {direction}
"""
)
_OF_APP: Final = SQL(
    "(SELECT {key} AS key, invoice_id FROM read.invoices AS invoice WHERE {conditions}"
    " ORDER BY {key} {direction}, invoice_id {direction} LIMIT %(through)s)"
)
_OF_FIRST_ROWS: Final = SQL(
    "(SELECT key, invoice_id FROM (SELECT {key} AS key, * FROM read.invoices"
    " WHERE app_id = %(app_id)s AND {after} ORDER BY {key} {direction}, invoice_id {direction}"
    " LIMIT {passed}) AS invoice WHERE {conditions}"
    " ORDER BY key {direction}, invoice_id {direction} LIMIT %(through)s)"
)
_OF_RANGES: Final = SQL(
    """
SELECT first_rows.key, first_rows.invoice_id FROM unnest({values}::{kind}[]) AS range (value)
CROSS JOIN LATERAL (
    SELECT {key} AS key, invoice_id FROM read.invoices AS invoice
    WHERE {column} = range.value AND {conditions}
    ORDER BY {key} {direction}, invoice_id {direction} LIMIT %(through)s
) AS first_rows
"""
)
_ESTIMATE: Final = SQL(
    "EXPLAIN (FORMAT JSON) SELECT FROM read.invoices AS invoice WHERE {conditions}"
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

    `export`: lines of CSV to be selected instead of the view; here and in `ordered_query`.
    """
    after, page_key = _after(filters, SQL("key"))
    rows: Composable = SQL("(SELECT * FROM read.invoices WHERE {} OFFSET 0)").format(
        _AND.join(source.conditions)
    )
    if source.postings is not None and _is_of_postings(filters, emails):
        rows = SQL("(SELECT DISTINCT app_id, created_at, invoice_id FROM ({}) AS posting)").format(
            source.postings
        )
    elif not source.conditions:
        rows = _ROWS_OF_TERM.format(found=source.found)
    query = _FEW.format(
        rows=rows,
        key=_key(filters),
        conditions=_AND.join(_conditions(filters, emails, but=_known_words(source))),
        after=after,
        direction=sql.direction(filters),
        total=SQL(", total.total" if export is None else ""),
        present=SQL("true" if export is None else "page.invoice_id IS NOT NULL"),
        **_selected(filters, export),
    )
    return query, _parameters(filters, facets) | page_key | _mark(export)


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
    after, page_key = _after(filters, SQL("key"))
    checked, values = sql.checked_conditions(filters, facets.numbers)
    words = sql.term_conditions(filters, emails, but=known_words)
    query = _CANDIDATES.format(
        found=found,
        key=_key(filters),
        conditions=_AND.join([checked, *words]),
        after=after,
        direction=sql.direction(filters),
        numbering=numbering,
        waiting=waiting,
        **_selected(filters, None),
    )
    return query, _parameters(filters, facets) | page_key | values


def ordered_query(
    filters: InvoiceFilter,
    ranges: Sequence[Ranges],
    facets: Facets,
    emails: Collection[str],
    *,
    export: Export | None = None,
) -> tuple[Composed, Parameters]:
    """Write the statement that reads a page in the list's order, from ranges or from the app."""
    after, page_key = _after(filters, _key(filters))
    if export is not None and not ranges:
        query = _WHOLE_ROWS.format(
            key=_key(filters),
            conditions=_AND.join([*_conditions(filters, emails), after]),
            direction=sql.direction(filters),
            **_selected(filters, export, table="invoice"),
        )
        return query, _parameters(filters, facets) | page_key | _mark(export)
    page = list_postings.Page(
        direction=sql.direction(filters),
        after=after,
        conditions=_AND.join(_conditions(replace(filters, q=None), emails)),
    )
    values = {f"range_{number}": one.values for number, one in enumerate(ranges)}
    if not ranges:
        found: Composed = _in_order(filters, emails, after)
    elif len(ranges) > 1 and ranges[0].is_of_terms:
        found = list_postings.of_all_terms(filters, ranges, emails, page=page)
    else:
        found = SQL(" UNION ALL ").join(
            list_postings.of_term(
                filters, one, emails, values=Placeholder(f"range_{number}"), page=page
            )
            if one.is_of_terms
            else _of_ranges(filters, one, emails, after, Placeholder(f"range_{number}"))
            for number, one in enumerate(ranges)
        )
    query = _PAGE.format(
        found=found, direction=sql.direction(filters), **_selected(filters, export)
    )
    return query, _parameters(filters, facets) | page_key | values | _mark(export)


def first_rows_query(
    filters: InvoiceFilter, facets: Facets, *, passed: int
) -> tuple[Composed, Parameters]:
    """Write the statement that reads a page from the app's first rows behind the cursor alone."""
    after, page_key = _after(filters, _key(filters))
    direction = sql.direction(filters)
    found = _OF_FIRST_ROWS.format(
        key=_key(filters),
        conditions=_AND.join(_conditions(filters, ())),
        after=after,
        direction=direction,
        passed=Literal(passed),
    )
    query = _PAGE.format(found=found, direction=direction, **_selected(filters, None))
    return query, _parameters(filters, facets) | page_key


def _in_order(filters: InvoiceFilter, emails: Collection[str], after: Composable) -> Composed:
    return _OF_APP.format(
        key=_key(filters),
        conditions=_AND.join([*_conditions(filters, emails), after]),
        direction=sql.direction(filters),
    )


def _of_ranges(
    filters: InvoiceFilter,
    ranges: Ranges,
    emails: Collection[str],
    after: Composable,
    values: Placeholder,
) -> Composed:
    is_of_facets = ranges.column == SQL("facet")
    conditions = [*_conditions(filters, emails, facet_is_known=is_of_facets), after]
    return _OF_RANGES.format(
        values=values,
        kind=ranges.kind,
        column=ranges.column,
        key=_key(filters),
        conditions=_AND.join(conditions),
        direction=sql.direction(filters),
    )


def estimate_query(
    filters: InvoiceFilter, facets: Facets, emails: Collection[str]
) -> tuple[Composed, Parameters]:
    """Write the statement that estimates how many invoices fit, of all facets."""
    conditions = [
        *sql.column_conditions(filters, is_estimate=True),
        *sql.term_conditions(filters, emails, is_estimate=True),
    ]
    return _ESTIMATE.format(conditions=_AND.join(conditions)), _parameters(filters, facets)


def _conditions(
    filters: InvoiceFilter,
    emails: Collection[str],
    *,
    facet_is_known: bool = False,
    but: Collection[int] = (),
) -> Iterator[Composable]:
    yield from sql.column_conditions(filters)
    if not facet_is_known and sql.has_facet(filters):
        yield SQL("facet = ANY(%(facets)s::bigint[])")
    yield from sql.term_conditions(filters, emails, but=but)


def _is_of_postings(filters: InvoiceFilter, emails: Collection[str]) -> bool:
    """Return whether terms and the order need no row of the invoices themselves."""
    has_columns = len([*sql.column_conditions(filters)]) > 1 or sql.has_facet(filters)
    return not (has_columns or emails) and filters.sort.endswith("createdAt")


def _known_words(source: Source) -> Collection[int]:
    return source.known_words if source.term is None else [source.term]


def _selected(
    filters: InvoiceFilter, export: Export | None, *, table: str = "page"
) -> dict[str, Composable]:
    if export is None:
        columns: Composable = SQL(
            "invoice.view::text AS view, invoice.position, page.key, page.invoice_id"
        )
        return {"columns": columns, "known": SQL("")}
    is_time = filters.sort.endswith("createdAt")
    columns = exported(export, key=Identifier(table, "key"), is_time=is_time)
    return {"columns": columns, "known": known_fields(export)}


def _mark(export: Export | None) -> Parameters:
    return {} if export is None else {"mark": export.mark}


def _after(filters: InvoiceFilter, key: Composable) -> tuple[Composable, Parameters]:
    return keyset.after_cursor(
        filters.cursor,
        name=filters.list_name,
        key=key,
        row_id="invoice_id",
        descending=filters.sort.startswith("-"),
        is_time=filters.sort.endswith("createdAt"),
    )


def _parameters(filters: InvoiceFilter, facets: Facets) -> Parameters:
    skipped = sql.skipped_rows(filters)
    return sql.parameters_of(filters) | {
        "facets": facets.numbers,
        "rows": filters.limit + 1,
        "skipped": skipped,
        "through": skipped + filters.limit + 1,
    }


def _key(filters: InvoiceFilter) -> SQL:
    return sql.ORDERED_BY[filters.sort.removeprefix("-")]
