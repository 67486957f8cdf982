"""Rebuilds of a projection, its generations, and callers who read and write meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from domain.invoices.invoice import Invoice
from eventlog.database.connect import connect
from projections.generations.rebuild import Rebuilt, rebuild
from projections.invoices.queries import InvoiceFilter
from tests.projections.harness import APP, Reading, append, paid_invoices
from tests.support.wait_until import until


def execute(database: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with connect(database, application_name="test") as connection:
        cursor = connection.execute(query.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


def generations(database: str, projection: str = "invoices") -> list[tuple[int, str]]:
    return [
        (number, state)
        for number, state in execute(
            database,
            "SELECT number, state FROM read.generations WHERE projection = %s ORDER BY number",
            projection,
        )
    ]


async def rebuilt(database: str, name: str = "invoices", **options: Any) -> Rebuilt:
    return await asyncio.to_thread(lambda: rebuild(database, name, **options))


class Crowd:
    """Writers and readers that go on whatever happens, and remember what went wrong."""

    def __init__(self, books: Reading) -> None:
        self._books = books
        self._stop = asyncio.Event()
        self.reads = 0
        self.written: list[Invoice] = []

    async def write(self) -> None:
        while not self._stop.is_set():
            invoices = paid_invoices(3)
            position = await append(self._books.log, *invoices)
            self.written += invoices
            # Whoever has waited for a position finds the row, whichever generation answers.
            assert await self._books.invoices.wait_for("invoices", position, 10)
            for invoice in invoices:
                row = await self._books.invoices.get_invoice(APP, invoice.id)
                assert row is not None
                assert row.view == invoice.view

    async def read(self) -> None:
        most = position = 0
        while not self._stop.is_set():
            page = await self._books.invoices.list_invoices(InvoiceFilter(APP, limit=5))
            assert page.total >= most
            most = page.total
            entries = await self._books.invoices.timeline(APP, page.rows[0].view.id)
            assert entries[0].type == "invoice.requested"
            now = await self._books.invoices.position("invoices")
            assert now >= position
            position = now
            self.reads += 1

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        tasks = [asyncio.ensure_future(self.read()) for _ in range(3)]
        tasks += [asyncio.ensure_future(self.write()) for _ in range(2)]
        try:
            yield
            reads = self.reads
            await until(lambda: self.reads > reads + 10)
        finally:
            self._stop.set()
            await asyncio.gather(*tasks)
