"""Read a tenant's list by one statement: its facets, its size, and a page if it is short.

Most tenants have few invoices. The three statements of any other list take longer to plan and to
send than to execute.
"""

from typing import Final

from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Composed, Literal

from projections.engine import keyset
from projections.engine.keyset import COUNTED_EXACTLY, Parameters
from projections.invoices.lists import list_plan
from projections.invoices.lists import list_sql as sql
from projections.invoices.lists.list_plan import Size
from projections.invoices.lists.list_sql import InvoiceFilter
from projections.invoices.lists.read_plan import Fetcher, ReadPlan

_SOURCE: Final = "facets"
_AND: Final = SQL(" AND ")
_OF_FACETS: Final = SQL("facet = ANY((SELECT numbers FROM known)::bigint[])")
# One row at least, with the facets and the size. A tenant's first invoices are kept for the page;
# all are counted without being kept, which took as long as to read them. Without a limit of few
# rows, the page is empty.
_PAGE: Final = SQL(
    """
WITH known AS MATERIALIZED ({facets}), fitting AS MATERIALIZED (
    SELECT created_at AS key, invoice_id FROM read.invoices
    WHERE {conditions} LIMIT {few} + 1
), size AS MATERIALIZED (
    SELECT CASE WHEN count(*) <= {few} THEN count(*) ELSE (
        SELECT count(*) FROM (SELECT FROM read.invoices WHERE {conditions} LIMIT {most}) AS first
    ) END AS counted FROM fitting
), page AS (
    SELECT key, invoice_id FROM fitting
    WHERE (SELECT counted FROM size) <= {few} AND {after}
    ORDER BY key {direction}, invoice_id {direction} LIMIT %(rows)s OFFSET %(skipped)s
)
SELECT known.*, size.counted, page.key, page.invoice_id,
    invoice.view::text AS view, invoice.position
FROM known CROSS JOIN size LEFT JOIN page ON true
LEFT JOIN read.invoices AS invoice ON invoice.invoice_id = page.invoice_id
ORDER BY page.key {direction}, page.invoice_id {direction}
"""
)
_OF_PAGE: Final = ("key", "invoice_id", "view", "position")


def is_of_tenant(filters: InvoiceFilter) -> bool:
    """Return whether a list is one of a tenant, in the order of creation, by facets alone."""
    if filters.tenant_id is None or not filters.sort.endswith("createdAt"):
        return False
    return [one.name for one in list_plan.sources(filters, ())] == [_SOURCE]


async def read_tenant_page(
    fetcher: Fetcher, filters: InvoiceFilter, *, few: int, some: int
) -> tuple[ReadPlan, list[DictRow]]:
    """Return the plan of a list of `is_of_tenant`, and its page with one row more.

    The page is empty where the tenant has more than `few` invoices. Raises BadCursor.
    """
    found = await fetcher.fetch(*_query(filters, few=few), is_generic=True)
    facets, emails = list_plan.read_facets({name: found[0][name] for name in list_plan.FACETS})
    sizes = {_SOURCE: Size(found[0]["counted"])}
    plan = ReadPlan(emails, facets, list_plan.sources(filters, emails), sizes, few, some)
    rows = [{name: row[name] for name in _OF_PAGE} for row in found]
    return plan, [row for row in rows if row["invoice_id"] is not None]


def _query(filters: InvoiceFilter, *, few: int) -> tuple[Composed, Parameters]:
    facets, parameters = list_plan.facets_query(filters)
    created = [*keyset.bound_conditions(filters, sql.CREATED)]
    conditions: list[Composable] = [*keyset.equal_conditions(filters, ["app_id", "tenant_id"])]
    if sql.has_facet(filters) or created:
        conditions.append(_OF_FACETS)
    after, page_key = keyset.after_cursor(
        filters.cursor,
        name=filters.list_name,
        key=SQL("key"),
        row_id="invoice_id",
        descending=filters.sort.startswith("-"),
        is_time=True,
    )
    query = _PAGE.format(
        facets=facets,
        conditions=_AND.join([*conditions, *created]),
        few=Literal(few),
        most=Literal(COUNTED_EXACTLY + 1),
        after=after,
        direction=sql.direction(filters),
    )
    paging = {"rows": filters.limit + 1, "skipped": sql.skipped_rows(filters)}
    return query, parameters | page_key | paging
