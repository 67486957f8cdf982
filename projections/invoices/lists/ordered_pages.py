"""Write the statements that read a page of invoices in the list's order."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from psycopg.sql import SQL, Composable, Composed, Literal, Placeholder

from projections.engine.keyset import Parameters
from projections.invoices.lists import list_postings
from projections.invoices.lists import list_sql as sql
from projections.invoices.lists import page_parts as parts
from projections.invoices.lists.export import Export
from projections.invoices.lists.list_plan import Facets
from projections.invoices.lists.list_sql import InvoiceFilter
from projections.invoices.lists.ordered_ranges import Ranges

_AND: Final = SQL(" AND ")
_OF_APP_ID: Final = SQL("app_id = %(app_id)s")
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
    " WHERE {of} AND {after} ORDER BY {key} {direction}, invoice_id {direction}"
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


def ordered_query(
    filters: InvoiceFilter,
    ranges: Sequence[Ranges],
    facets: Facets,
    emails: Collection[str],
    *,
    export: Export | None = None,
    passed: int | None = None,
) -> tuple[Composed, Parameters]:
    """Write the statement that reads a page in the list's order, from ranges or from the app.

    `export`: lines of CSV to be selected instead of the view. `passed`: of each range of a term at
    most so many invoices are read.
    """
    after, page_key = parts.after(filters, parts.key(filters))
    known = parts.parameters(filters, facets) | page_key | parts.mark(export)
    if export is not None and not ranges:
        query = _WHOLE_ROWS.format(
            key=parts.key(filters),
            conditions=_AND.join([*parts.conditions(filters, emails), after]),
            direction=sql.direction(filters),
            **parts.selected(filters, export, table="invoice"),
        )
        return query, known
    query = _PAGE.format(
        found=_found(filters, ranges, emails, after, passed=passed),
        direction=sql.direction(filters),
        **parts.selected(filters, export),
    )
    return query, known | {f"range_{number}": one.values for number, one in enumerate(ranges)}


def first_rows_query(
    filters: InvoiceFilter, facets: Facets, *, passed: int, of: Sequence[Composable] = (_OF_APP_ID,)
) -> tuple[Composed, Parameters]:
    """Write the statement that reads a page from the first rows behind the cursor alone.

    `of`: conditions of these rows; usually those of the app.
    """
    after, page_key = parts.after(filters, parts.key(filters))
    direction = sql.direction(filters)
    found = _OF_FIRST_ROWS.format(
        key=parts.key(filters),
        conditions=_AND.join(parts.conditions(filters, ())),
        after=after,
        direction=direction,
        passed=Literal(passed),
        of=_AND.join(of),
    )
    query = _PAGE.format(found=found, direction=direction, **parts.selected(filters, None))
    return query, parts.parameters(filters, facets) | page_key


def _found(
    filters: InvoiceFilter,
    ranges: Sequence[Ranges],
    emails: Collection[str],
    after: Composable,
    *,
    passed: int | None,
) -> Composed:
    """Write the statement of a page's keys, from ranges or from the app."""
    if not ranges:
        return _in_order(filters, emails, after)
    page = list_postings.Page(
        direction=sql.direction(filters),
        after=after,
        conditions=_AND.join(parts.conditions(replace(filters, q=None), emails)),
    )
    if len(ranges) > 1 and ranges[0].is_of_terms:
        return list_postings.of_all_terms(filters, ranges, emails, page=page)
    return SQL(" UNION ALL ").join(
        list_postings.of_term(
            filters, one, emails, values=Placeholder(f"range_{number}"), page=page, passed=passed
        )
        if one.is_of_terms
        else _of_ranges(filters, one, emails, after, Placeholder(f"range_{number}"))
        for number, one in enumerate(ranges)
    )


def _in_order(filters: InvoiceFilter, emails: Collection[str], after: Composable) -> Composed:
    return _OF_APP.format(
        key=parts.key(filters),
        conditions=_AND.join([*parts.conditions(filters, emails), after]),
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
    conditions = [*parts.conditions(filters, emails, facet_is_known=is_of_facets), after]
    return _OF_RANGES.format(
        values=values,
        kind=ranges.kind,
        column=ranges.column,
        key=parts.key(filters),
        conditions=_AND.join(conditions),
        direction=sql.direction(filters),
    )
