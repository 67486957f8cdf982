"""Read a list of facets alone by one statement: its facets, their number of invoices, and its page.

Such are all lists without a filter, in an app's default mode, and those by status or currency. What
is read does not depend on values but on numbers of invoices, so that the statement decides itself,
and its plan is kept. Two statements took longer to plan and to send than to execute.
"""

from typing import Final

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composed, Literal

from projections.engine.keyset import Parameters
from projections.invoices.lists import list_plan
from projections.invoices.lists import list_sql as sql
from projections.invoices.lists import page_parts as parts
from projections.invoices.lists.list_plan import MOST_RANGES
from projections.invoices.lists.list_sql import InvoiceFilter, skipped_rows
from projections.invoices.lists.read_plan import Fetcher

# One row at least, with the number of invoices. A condition of `known` alone is looked at before
# the first row: one of the two ways to the page reads nothing (see `ordered_ranges`). The page's
# rows are read by their ids, also by a plan that was made while there were hardly any: no join.
_PAGE: Final = SQL(
    """
WITH known AS MATERIALIZED (
    SELECT numbers::bigint[] AS numbers, items,
        2 * items <= of_app OR several <= {ranges} AS suits_facets
    FROM ({facets}) AS facets
), page AS MATERIALIZED (
    SELECT key, invoice_id FROM (
        (SELECT {key} AS key, invoice_id FROM read.invoices
         WHERE (SELECT NOT suits_facets FROM known) AND app_id = %(app_id)s AND {fits} AND {after}
         ORDER BY {key} {direction}, invoice_id {direction} LIMIT {rows})
        UNION ALL
        SELECT first_rows.key, first_rows.invoice_id
        FROM known CROSS JOIN LATERAL unnest(known.numbers) AS range (value)
        CROSS JOIN LATERAL (
            SELECT {key} AS key, invoice_id FROM read.invoices
            WHERE app_id = %(app_id)s AND facet = range.value AND {after}
            ORDER BY {key} {direction}, invoice_id {direction} LIMIT {rows}
        ) AS first_rows
        WHERE known.suits_facets
    ) AS found ORDER BY key {direction}, invoice_id {direction} LIMIT {rows}
)
SELECT known.items, page.key, page.invoice_id, invoice.view::text AS view, invoice.position
FROM known LEFT JOIN page ON true
LEFT JOIN LATERAL (
    SELECT view, position FROM read.invoices WHERE invoices.invoice_id = page.invoice_id OFFSET 0
) AS invoice ON true
ORDER BY page.key {direction}, page.invoice_id {direction}
"""
)
_FITS: Final = SQL("facet = ANY((SELECT numbers FROM known)::bigint[])")


def is_of_facets(filters: InvoiceFilter) -> bool:
    """Return whether a list has no filter but facets, and no page that is given by its number."""
    return not list_plan.sources(filters, ()) and not skipped_rows(filters)


async def read_facet_page(fetcher: Fetcher, filters: InvoiceFilter) -> tuple[list[DictRow], int]:
    """Return a page of a list of `is_of_facets` with one row more, and the list's exact total.

    Raises BadCursor.
    """
    found = await fetcher.fetch(*_query(filters), is_generic=True)
    return [row for row in found if row["invoice_id"] is not None], found[0]["items"]


def _query(filters: InvoiceFilter) -> tuple[Composed, Parameters]:
    facets, parameters = list_plan.facets_query(filters)
    after, page_key = parts.after(filters, parts.key(filters))
    query = _PAGE.format(
        facets=facets,
        ranges=Literal(MOST_RANGES),
        key=parts.key(filters),
        fits=_FITS if sql.has_facet(filters) else SQL("true"),
        after=after,
        rows=Literal(filters.limit + 1),
        direction=sql.direction(filters),
    )
    return query, parameters | page_key
