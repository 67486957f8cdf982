"""Build provider snapshots of an invoice, and apply them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal

from domain.core.effects import Effect
from domain.gateway.objects import (
    InvoiceState,
    PaymentState,
    ProviderInvoice,
    ProviderLine,
    ProviderPayment,
)
from domain.invoices.commands import RequestInvoice
from domain.invoices.events import InvoiceRequested
from domain.invoices.invoice import Invoice
from tests.domain.event_examples import EXAMPLES, HOSTED_URL, TOTAL
from tests.domain.given import moment
from tests.domain.subscription_examples import INVOICE_ID

Source = Literal["answer", "webhook", "reconciliation", "import"]
Decide = Callable[[Invoice], Effect]

NOW: Final = moment(60)

_LINE: Final = ProviderLine(
    id="il_1",
    description="Seat at the provider",
    quantity=1,
    price=None,
    total_minor=TOTAL,
    currency="eur",
    reference="0",
)
_OPEN: Final = ProviderInvoice(
    id="in_1",
    state="open",
    as_of=100,
    livemode=False,
    currency="eur",
    customer="cus_1",
    number="A-0001",
    total_minor=TOTAL,
    tax_minor=319,
    amount_paid_minor=0,
    amount_due_minor=TOTAL,
    attempt_count=0,
    hosted_url=HOSTED_URL,
    due_at=None,
    period_start=None,
    period_end=None,
    paid_at=None,
    lines=(_LINE,),
)


def request_command(**changes: Any) -> RequestInvoice:
    """Request the example's invoice."""
    return RequestInvoice(invoice_id=INVOICE_ID, **EXAMPLES[InvoiceRequested] | changes)


def snapshot(state: InvoiceState = "open", **changes: Any) -> ProviderInvoice:
    """Make a provider's invoice; a paid one was tried once and has all its money."""
    defaults: dict[str, Any] = {"state": state}
    if state == "draft":
        defaults |= {"number": None, "hosted_url": None}
    if state == "paid":
        defaults |= {"amount_paid_minor": TOTAL, "attempt_count": 1, "paid_at": 100}
        defaults |= {"amount_due_minor": 0}
    return replace(_OPEN, **defaults | changes)


def payment(state: PaymentState, **changes: Any) -> ProviderPayment:
    """Make a payment; a refused one says why."""
    codes: dict[str, Any] = {}
    if state == "failed":
        codes = {
            "code": "card_declined",
            "decline_code": "insufficient_funds",
            "message": "Your card has insufficient funds.",
        }
    defaults: dict[str, Any] = {"id": "pi_1", "amount_minor": TOTAL, "method": "pm_1"} | codes
    return ProviderPayment(state=state, **defaults | changes)


def attempt(state: PaymentState, *, tries: int = 1, as_of: int = 100) -> ProviderInvoice:
    """Make an open invoice that was tried, as an answer carries it."""
    return snapshot("open", attempt_count=tries, as_of=as_of, payment=payment(state))


def paid_answer(*, as_of: int = 100) -> ProviderInvoice:
    """Make a paid invoice as an answer carries it, with its payment."""
    return snapshot("paid", as_of=as_of, payment=payment("succeeded"))


def apply_update(
    invoice: ProviderInvoice,
    *,
    source: Source,
    actor: str = "worker",
    occurred_at: datetime = NOW,
    charging: bool = False,
    provider_type: str | None = None,
) -> Decide:
    """Apply a provider's snapshot to an invoice."""
    return lambda known: known.record_provider_state(
        invoice,
        source=source,
        actor=actor,
        occurred_at=occurred_at,
        charging=charging,
        body="b0d7",
        provider_type=provider_type,
    )


def answered(
    invoice: ProviderInvoice, *, charging: bool = False, occurred_at: datetime = NOW
) -> Decide:
    """Apply the answer of our own call to an invoice."""
    return apply_update(invoice, source="answer", charging=charging, occurred_at=occurred_at)


def delivered(
    invoice: ProviderInvoice, *, event_type: str = "invoice.updated", occurred_at: datetime = NOW
) -> Decide:
    """Apply a webhook's snapshot to an invoice."""
    return apply_update(
        invoice,
        source="webhook",
        actor="webhook:evt_1",
        occurred_at=occurred_at,
        provider_type=event_type,
    )
