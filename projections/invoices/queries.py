"""Query invoices."""

from collections.abc import AsyncIterator
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from psycopg.rows import DictRow
from psycopg.sql import SQL

from domain.invoices.view import InvoiceView
from projections.engine.errors import UnknownProjection
from projections.engine.keyset import Page
from projections.engine.pool import ReadPool
from projections.engine.view_codec import ViewCodec, from_json
from projections.invoices.lists.export import Export
from projections.invoices.lists.list_reader import ListReader
from projections.invoices.lists.list_sql import InvoiceFilter
from projections.invoices.search_terms import query_terms

__all__ = [
    "InvoiceFilter",
    "InvoicePage",
    "InvoiceQueries",
    "InvoiceRow",
    "StoredInvoice",
    "TimelineEntry",
]


@dataclass(frozen=True)
class InvoiceRow:
    """An invoice as folded up to its event at `position`."""

    view: InvoiceView
    position: int


InvoicePage = Page[InvoiceRow]


@dataclass(frozen=True)
class StoredInvoice:
    """The same as the row has it: fields of the view as JSON, without those with their defaults."""

    fields: dict[str, Any]
    position: int


@dataclass(frozen=True)
class TimelineEntry:
    """Something that happened: `type` is the event's topic, `by` who caused it."""

    position: int
    type: str
    occurred_at: datetime
    actor: str
    data: dict[str, Any]


SUMMARY: Final = frozenset(
    {
        *(one.name for one in fields(InvoiceView) if one.default is one.default_factory is MISSING),
        "provider_object_id", "user_id", "customer", "status", "total_minor", "body",
    }
)  # fmt: skip
"""Fields of the views of a short list: those that every view has, and a few more."""
_SUMMARIES: Final = ViewCodec(InvoiceView, only=SUMMARY)
_GET: Final = SQL(
    "SELECT view::text AS view, position FROM read.invoices"
    " WHERE app_id = %(app_id)s AND invoice_id = %(invoice_id)s"
)
_GET_LINKED: Final = SQL(
    "SELECT view::text AS view, position FROM read.invoices WHERE invoice_id = %(invoice_id)s"
)
_TIMELINE: Final = SQL(
    "SELECT entry.position, entry.type, entry.occurred_at, entry.actor, entry.data"
    " FROM read.timeline AS entry JOIN read.invoices AS invoice ON invoice_id = subject_id"
    " WHERE invoice.app_id = %(app_id)s AND invoice_id = %(invoice_id)s"
    " ORDER BY entry.position"
)
_KNOWN_TERM: Final = SQL(
    "SELECT 1 FROM read.invoice_search_terms WHERE app_id = %(app_id)s AND term = %(term)s LIMIT 1"
)
BY_PROVIDER_ID: Final = SQL(
    "SELECT view::text AS view, position FROM read.invoices"
    " WHERE app_id = %(app_id)s AND provider_object_id = %(provider_object_id)s"
    " ORDER BY created_at, invoice_id LIMIT 1"
)
_AT_PROVIDER: Final = SQL(
    "SELECT coalesce(sum(items), 0)::bigint AS items FROM read.invoice_facets"
    " WHERE app_id = %s AND connection = %s AND at_provider"
)
_POSITION: Final = SQL("SELECT position FROM read.positions WHERE projection = %s")


class InvoiceQueries:
    """Questions to the read model. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool
        self._lists = ListReader(pool)

    async def list_invoices(self, filters: InvoiceFilter) -> InvoicePage:
        """Return a page of an app's invoices, with their total. Raises BadCursor."""
        found = await self._lists.page(filters)
        return InvoicePage(
            rows=[_row(row) for row in found.rows],
            total=found.total,
            total_is_exact=found.total_is_exact,
            next_cursor=found.next_cursor,
        )

    async def list_stored(self, filters: InvoiceFilter) -> Page[StoredInvoice]:
        """Return the page of `list_invoices` without views, which take longer than all else."""
        found = await self._lists.page(filters)
        return Page(
            rows=[StoredInvoice(orjson.loads(row["view"]), row["position"]) for row in found.rows],
            total=found.total,
            total_is_exact=found.total_is_exact,
            next_cursor=found.next_cursor,
        )

    async def stream_invoices(
        self, filters: InvoiceFilter, export: Export, *, chunk: int = 4_000
    ) -> AsyncIterator[list[bytes]]:
        """Return a whole list as lines of CSV, a chunk at a time. Raises BadCursor.

        Each chunk is a query of its own. What is added meanwhile in front of what was read is not
        in it; no row is there twice.
        """
        async for lines in self._lists.chunks(filters, export, rows=chunk):
            yield lines

    async def list_at_provider(
        self, app_id: UUID, connection: str, *, page: int, limit: int
    ) -> list[InvoiceRow]:
        """Return a page (from 0) of the invoices that the provider has, newest first.

        Of views only what a list shows (`SUMMARY`); all other fields have their defaults.
        """
        filters = InvoiceFilter(app_id, connection=connection, limit=limit, page=page)
        found = await self._lists.nth_page(filters)
        return [InvoiceRow(_SUMMARIES.from_json(row["view"]), row["position"]) for row in found]

    async def count_at_provider(self, app_id: UUID, connection: str) -> int:
        """Return how many invoices the provider has by a connection, however many: exactly."""
        found = await self._pool.fetch(_AT_PROVIDER, [app_id, connection])
        return int(found[0]["items"])

    async def by_provider_id(self, app_id: UUID, provider_object_id: str) -> InvoiceRow | None:
        """Return the app's invoice that the provider knows by an id (`in_…`)."""
        parameters = {"app_id": app_id, "provider_object_id": provider_object_id}
        found = await self._pool.fetch(BY_PROVIDER_ID, parameters)
        return _row(found[0]) if found else None

    async def knows_provider_object(self, app_id: UUID, provider_object_id: str) -> bool:
        """Report whether an id is, or once was, that of an invoice of the app; one index probe."""
        terms = query_terms(provider_object_id)
        parameters = {"app_id": app_id, "term": terms[0] if terms else ""}
        return bool(await self._pool.fetch(_KNOWN_TERM, parameters))

    async def get_invoice(self, app_id: UUID, invoice_id: UUID) -> InvoiceRow | None:
        """Return one invoice of an app."""
        found = await self._pool.fetch(_GET, {"app_id": app_id, "invoice_id": invoice_id})
        return _row(found[0]) if found else None

    async def get_linked_invoice(self, invoice_id: UUID) -> InvoiceRow | None:
        """Return one invoice of any app, for who holds a signed link to it."""
        found = await self._pool.fetch(_GET_LINKED, {"invoice_id": invoice_id})
        return _row(found[0]) if found else None

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
        """Return whether a projection reached a position before the time was over."""
        return await self._pool.notifier.wait(projection, position, timeout_s=timeout_s)


def _row(row: DictRow) -> InvoiceRow:
    return InvoiceRow(from_json(row["view"]), row["position"])
