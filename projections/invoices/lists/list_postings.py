"""Write the parts of list statements that read search terms in the order of creation."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from psycopg.sql import SQL, Composable, Composed, Literal, Placeholder

from projections.engine import keyset
from projections.invoices.lists import list_sql as sql
from projections.invoices.lists.list_sql import InvoiceFilter
from projections.invoices.lists.ordered_ranges import Ranges
from projections.invoices.search_terms import query_terms

_AND: Final = SQL(" AND ")
# An invoice can have several terms with a prefix. The scalar subquery is never made a join, which
# would not keep the order.
_OF_TERMS: Final = SQL(
    """
SELECT DISTINCT first_rows.key, first_rows.invoice_id
FROM unnest({values}::{kind}[]) AS range (value)
CROSS JOIN LATERAL (
    SELECT DISTINCT created_at AS key, invoice_id FROM (
        SELECT created_at, invoice_id FROM read.invoice_search_terms
        WHERE app_id = %(app_id)s AND {column} = range.value AND {fits} AND {after}
        {first}
    ) AS posting
    WHERE {others} AND (SELECT {conditions} FROM (
        SELECT * FROM read.invoices WHERE invoices.invoice_id = posting.invoice_id OFFSET 0
    ) AS invoice)
    ORDER BY created_at {direction}, invoice_id {direction} LIMIT %(through)s
) AS first_rows
"""
)
_FIRST: Final = SQL("ORDER BY created_at {direction}, invoice_id {direction} LIMIT {passed}")
# Postings of several terms, each list in its order, merged: neighbours that are of every term.
_OF_ALL_TERMS: Final = SQL(
    """
(SELECT key, invoice_id FROM ({lists}) AS posting GROUP BY key, invoice_id
 HAVING bit_or(word) = {every} AND {others} AND (SELECT {conditions} FROM (
     SELECT * FROM read.invoices WHERE invoices.invoice_id = posting.invoice_id OFFSET 0
 ) AS invoice)
 ORDER BY key {direction}, invoice_id {direction} LIMIT %(through)s)
"""
)
_POSTINGS: Final = SQL(
    "(SELECT created_at AS key, invoice_id, {word} AS word FROM read.invoice_search_terms"
    " WHERE app_id = %(app_id)s AND {column} = {value} AND {fits}"
    " AND {after} ORDER BY created_at {direction}, invoice_id {direction})"
)


@dataclass(frozen=True)
class Page:
    """Order and beginning of a page, and the conditions of its invoices without their terms."""

    direction: SQL
    after: Composable
    conditions: Composable


def of_term(
    filters: InvoiceFilter,
    ranges: Ranges,
    emails: Collection[str],
    *,
    values: Placeholder,
    page: Page,
    passed: int | None = None,
) -> Composed:
    """Write a statement that reads one term; other terms are looked up invoice by invoice.

    `passed`: of each range at most so many postings are read.
    """
    others, conditions = _other_terms(filters, emails, known=[ranges.term or 0])
    return _OF_TERMS.format(
        values=values,
        kind=ranges.kind,
        column=ranges.column,
        fits=_fits(filters, ranges),
        after=page.after,
        first=SQL("")
        if passed is None
        else _FIRST.format(direction=page.direction, passed=Literal(passed)),
        others=_AND.join([SQL("true"), *others]),
        conditions=_AND.join([page.conditions, *conditions]),
        direction=page.direction,
    )


def _other_terms(
    filters: InvoiceFilter, emails: Collection[str], *, known: Collection[int]
) -> tuple[Iterable[Composable], Iterable[Composable]]:
    """Write the conditions of terms that are not known: of a posting, and of its invoice's row.

    A term that a tenant's e-mail has is looked up by the row, which alone has the tenant.
    """
    words = query_terms(filters.q or "")
    of_row = {number for number, word in enumerate(words) if word in emails}
    of_posting = {*range(len(words))} - of_row
    return (
        sql.term_conditions(filters, emails, table="posting", but={*known, *of_row}),
        sql.term_conditions(filters, emails, but={*known, *of_posting}),
    )


def _fits(filters: InvoiceFilter, ranges: Ranges) -> Composable:
    """Write that a posting of a range is of the period of creation and has the prefix.

    Never as bounds of the index of terms, which would give all postings with the prefix, unsorted.
    """
    created = [SQL("true"), *keyset.bound_conditions(filters, sql.CREATED)]
    if ranges.is_exact:
        return _AND.join(created)
    bounds = sql.term_range(ranges.term or 0)
    prefix = SQL("term || '' >= {first} AND term || '' < {after}").format(**bounds)
    return _AND.join([*created, prefix])


def of_all_terms(
    filters: InvoiceFilter, several: Sequence[Ranges], emails: Collection[str], *, page: Page
) -> Composed:
    """Write a statement that merges several terms."""
    lists = [
        _POSTINGS.format(
            word=Literal(1 << number),
            column=ranges.column,
            value=Literal(value),
            fits=_fits(filters, ranges),
            after=page.after,
            direction=page.direction,
        )
        for number, ranges in enumerate(several)
        for value in ranges.values
    ]
    others, conditions = _other_terms(
        filters, emails, known=[ranges.term or 0 for ranges in several]
    )
    return _OF_ALL_TERMS.format(
        lists=SQL(" UNION ALL ").join(lists),
        every=Literal((1 << len(several)) - 1),
        others=_AND.join([SQL("true"), *others]),
        conditions=_AND.join([page.conditions, *conditions]),
        direction=page.direction,
    )
