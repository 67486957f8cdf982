"""Events of money on an invoice, and the summary of all that a report counts."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from domain.invoices.invoice import Invoice
from projections.reports.queries import ReportFilter, ReportQueries, SummaryRow
from tests.projections.harness import APP, Reading, issue, requested
from tests.projections.random_events import AT

NOW = AT + timedelta(hours=48)


def refund(
    invoice: Invoice,
    amount_minor: int,
    *,
    occurred_at: datetime,
    refunded_at: datetime | None = None,
) -> None:
    invoice.record_event(
        m.RefundSucceeded,
        occurred_at=occurred_at,
        actor="worker",
        refund_id=uuid4(),
        provider_refund_id=f"re_{amount_minor}",
        amount_minor=amount_minor,
        source="answer",
        refunded_at=int((refunded_at or occurred_at).timestamp()),
    )


def fail(invoice: Invoice, *, occurred_at: datetime, as_of: datetime | None = None) -> None:
    invoice.record_event(
        pe.PaymentFailed,
        occurred_at=occurred_at,
        actor="worker",
        payment_id="pi_1",
        source="answer",
        as_of=int((as_of or occurred_at).timestamp()),
        progress=[1, 1, 0, 1],
        body=None,
        amount_minor=invoice.view.total_minor or 0,
        code="card_declined",
        decline_code=None,
        message="No",
    )


def dispute(
    invoice: Invoice,
    amount_minor: int,
    *,
    occurred_at: datetime,
    fact: type[m.DisputeEvent] = m.DisputeOpened,
    disputed_at: datetime | None = None,
    dispute_id: str = "dp_1",
) -> None:
    invoice.record_event(
        fact,
        occurred_at=occurred_at,
        actor="worker",
        dispute_id=dispute_id,
        amount_minor=amount_minor,
        source="webhook",
        disputed_at=int((disputed_at or occurred_at).timestamp()),
    )


def close(invoice: Invoice, *, occurred_at: datetime) -> None:
    invoice.record_event(
        e.InvoiceVoided,
        occurred_at=occurred_at,
        actor="worker",
        source="answer",
        as_of=2,
        progress=[4, 1, 0, 1],
        body=None,
    )


def bill(total_minor: int, *, occurred_at: datetime = AT, **facts: Any) -> Invoice:
    issued = {name: facts.pop(name) for name in ("currency", "due_at") if name in facts}
    invoice = requested(occurred_at=occurred_at, **facts)
    issue(invoice, occurred_at=occurred_at, total_minor=total_minor, **issued)
    return invoice


async def summary(
    books: Reading,
    app_id: UUID = APP,
    *,
    now: datetime = NOW,
    first: datetime | None = None,
    end: datetime | None = None,
    **narrowed: str,
) -> list[SummaryRow]:
    filters = ReportFilter(app_id=app_id, **narrowed)
    return await ReportQueries(books.pool).summary(filters, now=now, first=first, end=end)


def only(rows: list[SummaryRow]) -> SummaryRow:
    (row,) = rows
    return row
