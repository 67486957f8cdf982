"""Invoices that the provider made: nobody's until their customer turns out to be a tenant."""

import asyncio
from datetime import timedelta
from uuid import UUID

from domain.invoices import events as e
from domain.invoices.invoice import Invoice
from projections.invoices.queries import InvoiceFilter
from projections.reports.queries import ReportFilter, ReportQueries
from tests.projections.harness import (
    APP,
    Reading,
    imported,
    issue,
    pay,
    projecting,
    requested,
)
from tests.projections.random_events import AT

TENANT = UUID(int=17)
YESTERDAY = AT - timedelta(days=400)


def assign(invoice: Invoice) -> None:
    invoice.record_event(e.InvoiceAssigned, occurred_at=AT, actor="worker", tenant_id=TENANT)


async def listed(books: Reading, filters: InvoiceFilter) -> list[UUID]:
    page = await books.invoices.list_invoices(filters)
    assert page.total == len(page.rows)
    return [row.view.id for row in page.rows]


def test_an_invoice_moves_to_its_tenant_in_lists_search_and_totals_but_not_in_sums(
    database: str,
) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            nobodys, somebodys = imported(), requested(tenant_id=TENANT)
            for invoice in (nobodys, somebodys):
                issue(invoice)
            await books.append_and_project(nobodys, somebodys)
            unassigned, of_tenant = (
                InvoiceFilter(APP, unassigned=True),
                InvoiceFilter(APP, tenant_id=TENANT),
            )
            assert await listed(books, unassigned) == [nobodys.id]
            assert await listed(books, of_tenant) == [somebodys.id]
            sums = await ReportQueries(books.pool).summary(
                ReportFilter(app_id=APP), now=AT, first=None, end=None
            )
            assign(nobodys)
            await books.append_and_project(nobodys)
            assert await listed(books, unassigned) == []
            assert set(await listed(books, of_tenant)) == {nobodys.id, somebodys.id}
            assert await books.invoices.count_at_provider(APP, "main") == 2
            assert sums == await ReportQueries(books.pool).summary(
                ReportFilter(app_id=APP), now=AT, first=None, end=None
            )
            *_, entry = await books.invoices.timeline(APP, nobodys.id)
            assert (entry.type, entry.data) == ("invoice.assigned", {"tenantId": str(TENANT)})

    asyncio.run(scenario())


def test_imported_invoices_are_sorted_by_the_providers_creation_time(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            made_at = int(YESTERDAY.timestamp())
            old = imported(origin="import", created_at=made_at, subscription_id="sub_7")
            issue(old, issued_at=made_at, charging=False)
            pay(old, occurred_at=YESTERDAY)
            new = requested()
            await books.append_and_project(new, old)
            assert await listed(books, InvoiceFilter(APP)) == [new.id, old.id]
            before = InvoiceFilter(APP, created_to=YESTERDAY + timedelta(days=1))
            assert await listed(books, before) == [old.id]
            assert await listed(books, InvoiceFilter(APP, origin="import")) == [old.id]
            assert await listed(books, InvoiceFilter(APP, origin="request")) == [new.id]
            assert await listed(books, InvoiceFilter(APP, subscription_id="sub_7")) == [old.id]
            (row,) = await ReportQueries(books.pool).summary(
                ReportFilter(app_id=APP), now=AT, first=YESTERDAY, end=YESTERDAY + timedelta(days=1)
            )
            assert (row.collected_minor, row.collected_count) == (1000, 1)

    asyncio.run(scenario())
