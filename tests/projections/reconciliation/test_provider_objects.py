"""Invoices by the ids of their provider's objects."""

import asyncio

from domain.invoices import events as e
from domain.invoices.invoice import Invoice
from projections.reconciliation.provider_objects import ProviderObjectQueries
from tests.projections.harness import APP, projecting, requested
from tests.projections.random_events import AT

FIRST, SECOND = "tr_FirstOne", "tr_SecondOne"


def paid_by(*payments: str, connection: str = "main") -> Invoice:
    """An invoice that has these payments, the newest last."""
    invoice = requested(provider="mollie", connection=connection)
    for payment in payments:
        invoice.record_event(
            e.ProviderInvoiceCreated,
            occurred_at=AT,
            actor="worker",
            provider_object_type="payment",
            provider_object_id=payment,
            customer="cst_1",
        )
    return invoice


def test_an_invoice_is_found_by_its_newest_object_and_by_each_earlier_one(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            ours = paid_by(FIRST, SECOND)
            await books.append_and_project(
                ours, paid_by(FIRST.upper(), "tr_3"), paid_by(FIRST, "tr_4", connection="other")
            )
            queries = ProviderObjectQueries(database, max_size=1)
            queries.open()
            try:
                wanted = [FIRST, SECOND, "tr_unknown"]
                assert queries.find(APP, "main", wanted) == {SECOND: ours.id}
                assert queries.find_earlier(APP, "main", wanted) == {
                    FIRST: ours.id,
                    SECOND: ours.id,
                }
            finally:
                queries.close()

    asyncio.run(scenario())
