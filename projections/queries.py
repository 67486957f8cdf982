"""What readers may ask about invoices."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.sql import SQL

from domain.invoice_view import InvoiceView
from projections.errors import UnknownProjection
from projections.lists import COUNTED_EXACTLY, InvoiceFilter, page_query, place_of
from projections.pool import ReadPool
from projections.view_codec import from_json

__all__ = ["InvoiceFilter", "InvoicePage", "InvoiceQueries", "InvoiceRow", "TimelineEntry"]


@dataclass(frozen=True)
class InvoiceRow:
    """An invoice as folded up to its event at `position`."""

    view: InvoiceView
    position: int


@dataclass(frozen=True)
class InvoicePage:
    """A page of a list; `total` is 10,000 where there are more and it is not exact."""

    rows: list[InvoiceRow]
    total: int
    total_is_exact: bool
    next_cursor: str | None


@dataclass(frozen=True)
class TimelineEntry:
    """Something that happened to an invoice: `type` is the event's topic, `by` who caused it."""

    position: int
    type: str
    at: datetime
    by: str
    data: dict[str, Any]


_GET: Final = SQL(
    "SELECT view::text AS view, position FROM read.invoices"
    " WHERE app_id = %(app_id)s AND invoice_id = %(invoice_id)s"
)
_TIMELINE: Final = SQL(
    "SELECT entry.position, entry.type, entry.at, entry.by, entry.data"
    " FROM read.timeline AS entry JOIN read.invoices AS invoice USING (invoice_id)"
    " WHERE invoice.app_id = %(app_id)s AND invoice_id = %(invoice_id)s"
    " ORDER BY entry.position"
)
_POSITION: Final = SQL("SELECT position FROM read.positions WHERE projection = %s")


class InvoiceQueries:
    """Questions to the read model. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def list_invoices(self, asked: InvoiceFilter) -> InvoicePage:
        """Return a page of an app's invoices, with their total. Raises BadCursor."""
        query, parameters = page_query(asked)
        found = await self._pool.fetch(query, parameters)
        total = min(found[0]["total"], COUNTED_EXACTLY)
        rows = [row for row in found if row["invoice_id"] is not None]
        next_cursor = None
        if len(rows) > asked.limit:
            del rows[asked.limit :]
            next_cursor = place_of(asked, key=rows[-1]["key"], invoice_id=rows[-1]["invoice_id"])
        return InvoicePage(
            rows=[InvoiceRow(from_json(row["view"]), row["position"]) for row in rows],
            total=total,
            total_is_exact=found[0]["total"] <= COUNTED_EXACTLY,
            next_cursor=next_cursor,
        )

    async def get_invoice(self, app_id: UUID, invoice_id: UUID) -> InvoiceRow | None:
        """Return one invoice of an app."""
        found = await self._pool.fetch(_GET, {"app_id": app_id, "invoice_id": invoice_id})
        return InvoiceRow(from_json(found[0]["view"]), found[0]["position"]) if found else None

    async def timeline(self, app_id: UUID, invoice_id: UUID) -> list[TimelineEntry]:
        """Return all that happened to an invoice, in the order of the log."""
        found = await self._pool.fetch(_TIMELINE, {"app_id": app_id, "invoice_id": invoice_id})
        return [TimelineEntry(**row) for row in found]

    async def position(self, projection: str) -> int:
        """Return how far a projection has come. Raises UnknownProjection."""
        found = await self._pool.fetch(_POSITION, [projection])
        if not found:
            raise UnknownProjection(projection)
        return int(found[0]["position"])

    async def wait_for(self, projection: str, position: int, timeout_s: float) -> bool:
        """Tell whether a projection reached a position before the time was over."""
        return await self._pool.bell.wait(projection, position, timeout_s=timeout_s)
