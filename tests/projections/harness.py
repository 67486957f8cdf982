"""Helpers that append to the log and compare rows."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

from domain.core.aggregate import AggregateRoot
from domain.events import INVOICE_TOPICS
from domain.inbox.commands import ReceiveProviderEvent
from domain.inbox.provider_event import ProviderEvent
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices.commands import RequestInvoice
from domain.invoices.fold import fold
from domain.invoices.invoice import Invoice
from domain.invoices.view import InvoiceView
from eventlog.codec import Codec
from eventlog.database.connect import connect
from eventlog.log import Log
from projections.engine.pool import ReadPool, open_pool
from projections.engine.view_codec import from_json
from projections.generations.runner import Projections
from projections.invoices.queries import InvoiceQueries
from projections.invoices.timeline import is_hidden
from tests.projections.random_events import AT

APP = UUID(int=1)


def requested(
    app_id: UUID = APP, *, tenant_id: UUID | None = None, occurred_at: datetime = AT, **facts: Any
) -> Invoice:
    """An invoice that was asked for."""
    command: dict[str, Any] = {
        "provider": "stripe",
        "connection": "main",
        "connection_id": UUID(int=7),
        "mode": "test",
        "dialect": "002",
        "type": "payment",
        "lines": [
            {"name": "Tea", "quantity": 2, "price": None, "amount_minor": 500, "currency": "eur"}
        ],
        "request_hash": "0" * 64,
        "actor": "key:1",
    }
    return Invoice.request(
        RequestInvoice(
            invoice_id=uuid4(), app_id=app_id, tenant_id=tenant_id or uuid4(), **command | facts
        ),
        occurred_at=occurred_at,
    )


def imported(app_id: UUID = APP, *, occurred_at: datetime = AT, **facts: Any) -> Invoice:
    """An invoice that the provider made by itself."""
    invoice_id = uuid4()
    known: dict[str, Any] = {
        "tenant_id": None,
        "provider": "stripe",
        "connection": "main",
        "connection_id": UUID(int=7),
        "mode": "test",
        "type": "subscription",
        "origin": "renewal",
        "provider_object_type": "invoice",
        "provider_object_id": f"in_{invoice_id.hex[:8]}",
        "customer": "cus_1",
        "currency": "eur",
        "subscription_id": "sub_1",
    }
    invoice: Invoice = Invoice._create(  # noqa: SLF001 - eventsourcing's own way to begin
        e.InvoiceImported,
        id=invoice_id,
        timestamp=occurred_at,
        actor="webhook:evt_1",
        app_id=app_id,
        **known | facts,
    )
    return invoice


def issue(
    invoice: Invoice, *, occurred_at: datetime = AT, total_minor: int = 1000, **facts: Any
) -> None:
    """Apply a snapshot with the provider's invoice number."""
    issued: dict[str, Any] = {
        "provider_object_type": "invoice",
        "provider_object_id": f"in_{invoice.id.hex[:8]}",
        "customer": "cus_1",
        "number": "A-1",
        "currency": "eur",
        "tax_minor": 0,
        "lines": invoice.view.lines,
        "hosted_url": "https://pay.example/1",
        "due_at": None,
        "period_start": 1_767_225_600,
        "period_end": 1_767_225_600,
        "charging": True,
        "source": "answer",
        "as_of": 1_767_225_600,
        "progress": [1, 0, 0, -1],
        "body": "ab" * 32,
    }
    invoice.record_event(
        e.InvoiceIssued,
        occurred_at=occurred_at,
        actor="worker",
        total_minor=total_minor,
        **issued | facts,
    )


def pay(invoice: Invoice, *, occurred_at: datetime = AT) -> None:
    """Apply an answer in which the invoice is paid."""
    invoice.record_event(
        pe.PaymentSucceeded,
        occurred_at=occurred_at,
        actor="worker",
        payment_id="pi_1",
        source="answer",
        as_of=1_767_225_601,
        progress=[3, 1, 1000, 4],
        body="cd" * 32,
        amount_minor=invoice.view.total_minor or 0,
        method="card",
        paid_at=int(occurred_at.timestamp()),
    )


def confirm(invoice: Invoice, *, occurred_at: datetime = AT, source: str = "webhook") -> None:
    """Apply the same snapshot again, from a webhook or another source."""
    invoice.record_event(
        e.ProviderStateConfirmed,
        occurred_at=occurred_at,
        actor="webhook:evt_1" if source == "webhook" else source,
        source=source,
        provider_type="invoice.paid",
        as_of=1_767_225_602,
    )


def paid_invoices(count: int, *, app_id: UUID = APP, occurred_at: datetime = AT) -> list[Invoice]:
    """Invoices a second apart, each requested, issued, paid and confirmed."""
    made = []
    for index in range(count):
        moment = occurred_at + timedelta(seconds=index)
        invoice = requested(app_id, occurred_at=moment)
        issue(invoice, occurred_at=moment, total_minor=1000 + index)
        pay(invoice, occurred_at=moment)
        confirm(invoice, occurred_at=moment)
        made.append(invoice)
    return made


def applied(effects: list[dict[str, str]], *, occurred_at: datetime = AT) -> ProviderEvent:
    """A webhook that was received, and what it did."""
    event = ProviderEvent.receive(
        ReceiveProviderEvent(
            event_id=uuid4(),
            app_id=APP,
            connection_id=UUID(int=7),
            connection="main",
            provider="stripe",
            mode="test",
            provider_event_id="evt_2",
            type="invoice.updated",
            object_type="invoice",
            object_id="in_1",
            invoice_id=None,
            occurred_at=1,
            body="ef" * 32,
            actor="webhook:evt_2",
        ),
        occurred_at=occurred_at,
    )
    event.record_applied(effects, occurred_at=occurred_at, actor="webhook:evt_2")
    return event


async def append(log: Log, *roots: AggregateRoot) -> int:
    """Append what the aggregates have decided; the last position."""
    codec = Codec()
    events = [codec.encode(event) for root in roots for event in root.collect_events()]
    return (await log.append_async(events))[-1]


class Reading:
    """A log, a pool of readers and the questions about invoices."""

    def __init__(self, log: Log, pool: ReadPool) -> None:
        self.log = log
        self.pool = pool
        self.invoices = InvoiceQueries(pool)

    async def append_and_project(self, *roots: AggregateRoot) -> int:
        """Append, and wait until readers see it; the last position."""
        position = await append(self.log, *roots)
        assert await self.invoices.wait_for("invoices", position, 10)
        return position


@asynccontextmanager
async def reading(database: str) -> AsyncIterator[Reading]:
    """Log and readers, without anyone who folds."""
    log = await Log.open_async(database)
    async with await open_pool(database) as pool:
        yield Reading(log, pool)
    await log.close_async()


@asynccontextmanager
async def projecting(database: str) -> AsyncIterator[Reading]:
    """Log and readers, and every projection at work."""
    stop = asyncio.Event()
    task = asyncio.ensure_future(Projections(database).run(stop))
    try:
        async with reading(database) as books:
            yield books
    finally:
        stop.set()
        await task


def folds(events: Iterable[Any]) -> dict[UUID, InvoiceView]:
    """The fold of each stream, one event after the other."""
    found: dict[UUID, InvoiceView] = {}
    for event in events:
        if isinstance(event, e.InvoiceEvent):
            found[event.originator_id] = fold(found.get(event.originator_id), event)
    return found


def views_of_log(database: str) -> dict[UUID, InvoiceView]:
    """The fold of each invoice in the log."""
    codec = Codec()
    log = Log.open(database)
    recorded = log.read(0, 10**9, INVOICE_TOPICS)
    log.close()
    return folds(codec.decode(event) for event in recorded)


def rows(database: str) -> dict[UUID, InvoiceView]:
    """The views that the read model holds."""
    with connect(database, application_name="test") as connection:
        found = connection.execute("SELECT invoice_id, view::text FROM read.invoices")
        return {invoice_id: from_json(view) for invoice_id, view in found}


def timeline_positions(database: str) -> list[int]:
    """The positions on all timelines of invoices' own events, in order."""
    with connect(database, application_name="test") as connection:
        found = connection.execute(
            "SELECT position FROM read.timeline WHERE type LIKE 'invoice.%' ORDER BY position"
        )
        return [position for (position,) in found]


def shown_positions(database: str) -> list[int]:
    """The positions in the log of the invoices' events that a timeline shows."""
    codec = Codec()
    log = Log.open(database)
    recorded = log.read(0, 10**9, INVOICE_TOPICS)
    log.close()
    return [
        event.position
        for event in recorded
        if not is_hidden(cast("e.InvoiceEvent", codec.decode(event)))
    ]


def ids(invoices: Sequence[Invoice]) -> list[UUID]:
    """The invoices' ids."""
    return [invoice.id for invoice in invoices]
