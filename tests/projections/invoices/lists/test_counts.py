import asyncio
from uuid import UUID

from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices.invoice import Invoice
from projections.invoices.queries import InvoiceFilter
from tests.projections.harness import APP, imported, issue, projecting, requested
from tests.projections.random_events import AT

OTHER_APP = UUID(int=2)


def create_at_provider(invoice: Invoice) -> None:
    invoice.record_event(
        e.ProviderInvoiceCreated,
        occurred_at=AT,
        actor="worker",
        provider_object_type="invoice",
        provider_object_id="in_1",
        customer="cus_1",
    )


def cancel_payment(invoice: Invoice) -> None:
    invoice.record_event(
        pe.PaymentCanceled,
        occurred_at=AT,
        actor="webhook:evt_1",
        payment_id=None,
        source="webhook",
        as_of=9,
        progress=[5, 0, 0, -1],
        body=None,
    )


def test_the_invoices_that_the_provider_has_are_counted_exactly(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            queries = books.invoices

            async def counted() -> int:
                count = await queries.count_at_provider(APP, "main")
                filters = InvoiceFilter(APP, connection="main", at_provider=True)
                assert (await queries.list_invoices(filters)).total == count
                return count

            assert await counted() == 0
            waiting, refused, drafted = requested(), requested(), requested()
            other, elsewhere = requested(OTHER_APP), requested(connection="second")
            for invoice in (drafted, other, elsewhere):
                issue(invoice)
            create_at_provider(refused)
            await books.append_and_project(waiting, refused, drafted, other, elsewhere, imported())
            assert await counted() == 3
            refused.reject(code="x", message="y", path=None, occurred_at=AT)
            await books.append_and_project(refused)
            assert await counted() == 2
            cancel_payment(drafted)
            await books.append_and_project(drafted)
            assert await counted() == 1
            assert await queries.count_at_provider(APP, "second") == 1
            assert await queries.count_at_provider(OTHER_APP, "main") == 1

    asyncio.run(scenario())


def test_an_invoice_is_found_by_the_providers_id_within_its_app(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            invoice = requested()
            issue(invoice, provider_object_id="in_1")
            await books.append_and_project(invoice)
            found = await books.invoices.by_provider_id(APP, "in_1")
            assert found is not None
            assert found.view == invoice.view
            assert await books.invoices.by_provider_id(OTHER_APP, "in_1") is None
            assert await books.invoices.by_provider_id(APP, "in_2") is None

    asyncio.run(scenario())
