import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

from domain.invoices.events import InvoiceRejected
from domain.invoices.step_plans import RetryPlan
from tests.projections.harness import (
    APP,
    Reading,
    applied,
    confirm,
    issue,
    pay,
    projecting,
    requested,
)
from tests.projections.random_events import AT

OTHER_APP = UUID(int=2)


async def types(books: Reading, invoice_id: UUID) -> list[str]:
    return [entry.type for entry in await books.invoices.timeline(APP, invoice_id)]


def test_every_step_of_an_invoice_is_on_its_timeline_in_the_logs_order(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            invoice = requested()
            invoice.start_step("pay", occurred_at=AT, plan=RetryPlan(charge="ch_1"))
            issue(invoice)
            pay(invoice)
            confirm(invoice, occurred_at=AT + timedelta(seconds=9))
            last = await books.append_and_project(invoice)
            entries = await books.invoices.timeline(APP, invoice.id)
            assert [(entry.type, entry.actor) for entry in entries] == [
                ("invoice.requested", "key:1"),
                ("invoice.step_started", "worker"),
                ("invoice.issued", "worker"),
                ("invoice.payment_succeeded", "worker"),
            ]
            assert [entry.position for entry in entries] == list(range(last - 4, last))
            assert entries[0].occurred_at == AT

    asyncio.run(scenario())


def test_a_timeline_entry_has_the_event_fields_without_internal_ones(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            invoice = requested(metadata={"order_number": "7"}, footer="Thank you")
            invoice.start_step("pay", occurred_at=AT, plan=RetryPlan(charge="ch_1"))
            issue(invoice)
            await books.append_and_project(invoice)
            request_entry, step, issued = await books.invoices.timeline(APP, invoice.id)
            line = {"name": "Tea", "quantity": 2, "price": None, "amountMinor": 500}
            assert request_entry.data["lines"] == [line | {"currency": "eur"}]
            assert request_entry.data["metadata"] == {"order_number": "7"}
            assert request_entry.data["footer"] == "Thank you"
            assert request_entry.data["expectedTotalMinor"] is None
            assert step.data == {"step": "pay", "attempt": 1, "key": invoice.key("pay")}
            assert issued.data["totalMinor"] == 1000
            period_start = datetime.fromisoformat(issued.data["periodStart"])
            assert period_start == datetime(2026, 1, 1, tzinfo=UTC)
            internal = {
                "requestHash", "body", "progress", "plan", "connectionId", "originatorId",
                "originatorVersion", "originatorTopic", "timestamp", "actor",
            }  # fmt: skip
            for entry in (request_entry, step, issued):
                assert not internal & entry.data.keys()

    asyncio.run(scenario())


def test_a_webhook_is_shown_unless_the_invoices_own_event_shows_its_change(
    database: str,
) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            one, two, three = requested(), requested(), requested()
            await books.append_and_project(one, two, three)
            effects = [
                {"invoice": str(one.id), "effect": "stale"},
                {"invoice": str(one.id), "effect": "fetch"},
                {"invoice": str(two.id), "effect": "confirmed"},
                {"invoice": str(three.id), "effect": "changed"},
            ]
            position = await books.append_and_project(applied(effects))
            *_, entry = await books.invoices.timeline(APP, one.id)
            assert (entry.position, entry.type) == (position, "provider_event.applied")
            assert entry.actor == "webhook:evt_2"
            assert entry.data == {
                "providerType": "invoice.updated",
                "providerEventId": "evt_2",
                "effects": ["stale", "fetch"],
            }
            assert await types(books, two.id) == ["invoice.requested", "provider_event.applied"]
            assert await types(books, three.id) == ["invoice.requested"]

    asyncio.run(scenario())


def test_another_apps_invoice_has_no_row_and_no_timeline(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            invoice = requested()
            await books.append_and_project(invoice)
            assert await books.invoices.get_invoice(OTHER_APP, invoice.id) is None
            assert await books.invoices.timeline(OTHER_APP, invoice.id) == []
            assert await books.invoices.get_invoice(APP, UUID(int=9)) is None

    asyncio.run(scenario())


def test_a_rejection_names_the_invalid_field(database: str) -> None:
    async def scenario() -> None:
        async with projecting(database) as books:
            invoice = requested()
            invoice.reject(
                code="no_such_price", message="No such price", path="lines.0", occurred_at=AT
            )
            await books.append_and_project(invoice)
            *_, entry = await books.invoices.timeline(APP, invoice.id)
            assert entry.type == InvoiceRejected.TOPIC
            assert entry.data == {
                "code": "no_such_price",
                "message": "No such price",
                "path": "lines.0",
                "providerCode": None,
            }

    asyncio.run(scenario())
