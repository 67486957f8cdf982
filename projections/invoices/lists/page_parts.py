"""Write what all statements of a page of invoices have: conditions, columns, order and cursor."""

from collections.abc import Collection, Iterator

from psycopg.sql import SQL, Composable, Identifier

from projections.engine import keyset
from projections.engine.keyset import Parameters
from projections.invoices.lists import list_sql as sql
from projections.invoices.lists.export import Export, exported, known_fields
from projections.invoices.lists.list_plan import Facets
from projections.invoices.lists.list_sql import InvoiceFilter


def conditions(
    filters: InvoiceFilter,
    emails: Collection[str],
    *,
    facet_is_known: bool = False,
    but: Collection[int] = (),
) -> Iterator[Composable]:
    """Write the conditions of a list, but for some words; `emails`: words that e-mails have."""
    yield from sql.column_conditions(filters)
    if not facet_is_known and sql.has_facet(filters):
        yield SQL("facet = ANY(%(facets)s::bigint[])")
    yield from sql.term_conditions(filters, emails, but=but)


def selected(
    filters: InvoiceFilter, export: Export | None, *, table: str = "page"
) -> dict[str, Composable]:
    """Write what is selected of each invoice: what a page needs, or fields of a line of CSV.

    `table` has the column `key`.
    """
    if export is None:
        columns: Composable = SQL(
            "invoice.view::text AS view, invoice.position, page.key, page.invoice_id"
        )
        return {"columns": columns, "known": SQL("")}
    is_time = filters.sort.endswith("createdAt")
    columns = exported(export, key=Identifier(table, "key"), is_time=is_time)
    return {"columns": columns, "known": known_fields(export)}


def mark(export: Export | None) -> Parameters:
    """Return the parameter of the mark that lines of CSV have."""
    return {} if export is None else {"mark": export.mark}


def after(filters: InvoiceFilter, key: Composable) -> tuple[Composable, Parameters]:
    """Write the condition of rows behind the cursor. Raises BadCursor."""
    return keyset.after_cursor(
        filters.cursor,
        name=filters.list_name,
        key=key,
        row_id="invoice_id",
        descending=filters.sort.startswith("-"),
        is_time=filters.sort.endswith("createdAt"),
    )


def parameters(filters: InvoiceFilter, facets: Facets) -> Parameters:
    """Return the values of the filter, its facets and its page. Raises BadCursor."""
    skipped = sql.skipped_rows(filters)
    return sql.parameters_of(filters) | {
        "facets": facets.numbers,
        "rows": filters.limit + 1,
        "skipped": skipped,
        "through": skipped + filters.limit + 1,
    }


def key(filters: InvoiceFilter) -> SQL:
    """Return the column that a list is ordered by."""
    return sql.ORDERED_BY[filters.sort.removeprefix("-")]
