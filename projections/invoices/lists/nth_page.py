"""Write the statement that reads a page by its number, at any depth."""

from typing import Final

from psycopg.sql import SQL, Composed

from projections.engine.keyset import Parameters
from projections.invoices.lists import list_sql as sql
from projections.invoices.lists.list_sql import InvoiceFilter

_AFTER_DAY: Final = SQL(
    """
WITH later AS (
    SELECT day, at_provider, sum(at_provider) OVER (ORDER BY day DESC) - at_provider AS before
    FROM read.invoice_days WHERE app_id = %(app_id)s AND connection = %(connection)s
), start AS (
    SELECT day, before FROM later WHERE before <= %(skipped)s ORDER BY day LIMIT 1
), page AS MATERIALIZED (
    SELECT created_at AS key, invoice_id FROM read.invoices
    WHERE app_id = %(app_id)s AND connection = %(connection)s AND at_provider
        AND created_at < ((SELECT day FROM start) + 1)::timestamp AT TIME ZONE 'UTC'
    ORDER BY created_at DESC, invoice_id DESC
    LIMIT %(rows)s OFFSET %(skipped)s - (SELECT before FROM start)
)
SELECT page.key, page.invoice_id, invoice.view::text AS view, invoice.position
FROM page JOIN read.invoices AS invoice ON invoice.invoice_id = page.invoice_id
ORDER BY page.key DESC, page.invoice_id DESC
"""
)


def nth_page_query(filters: InvoiceFilter) -> tuple[Composed, Parameters]:
    """Write the statement that reads a page at any depth of what a connection's provider has.

    The counts of the days before it are added up, so that no row before its day is read.
    """
    skipped = (filters.page or 0) * filters.limit
    known = sql.parameters_of(filters) | {"skipped": skipped, "rows": filters.limit}
    return SQL("{}").format(_AFTER_DAY), known
