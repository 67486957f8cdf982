"""All pages of a list."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from projections.invoices.queries import InvoiceFilter
from tests.projections.harness import APP, Reading


async def all_pages(
    books: Reading, filters: dict[str, Any], between: Callable[[], Any] | None = None
) -> list[UUID]:
    found: list[UUID] = []
    cursor = None
    while True:
        page = await books.invoices.list_invoices(InvoiceFilter(APP, cursor=cursor, **filters))
        found += [row.view.id for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return found
        if between is not None:
            await between()
