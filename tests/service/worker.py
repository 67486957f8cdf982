"""What answers requests in these tests: the events that a worker would append."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import orjson

from domain.gateway import ProviderInvoice, ProviderPayment
from domain.invoice import Invoice
from eventlog.bodies import Body
from eventlog.tail import Heard
from service.context import Context

SECRET = "pi_1_secret_never_shown"
HOSTED_URL = "https://invoice.stripe.test/i/1"

_PAYMENT = ProviderPayment(id="pi_1", state="succeeded", amount_minor=1999, method="card")
_PAYMENTS = {
    "paid": _PAYMENT,
    "declined": replace(
        _PAYMENT,
        state="failed",
        code="card_declined",
        decline_code="insufficient_funds",
        message="Your card has insufficient funds.",
    ),
    "requires_action": replace(_PAYMENT, state="requires_action"),
    "processing": replace(_PAYMENT, state="processing"),
    "open": None,
}


def provider_invoice(outcome: str) -> ProviderInvoice:
    """What the provider says after the steps that lead to an outcome."""
    paid = outcome == "paid"
    return ProviderInvoice(
        id="in_1",
        state="paid" if paid else "open",
        as_of=int(time.time()),
        livemode=False,
        currency="eur",
        customer="cus_1",
        number="A-1",
        total_minor=1999,
        tax_minor=0,
        amount_paid_minor=1999 if paid else 0,
        attempt_count=0 if outcome == "open" else 1,
        hosted_url=HOSTED_URL,
        due_at=None,
        period_start=None,
        period_end=None,
        paid_at=int(time.time()) if paid else None,
        payment=_PAYMENTS[outcome],
        raw=orjson.dumps({"id": "in_1", "confirmation_secret": {"client_secret": SECRET}}),
    )


class Worker:
    """Does to each requested invoice what its metadata's `outcome` says; `never` is left alone."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self._end = context.tail.subscribe(self._hear)

    async def finish(self) -> None:
        """Take nothing more up, and end what was begun."""
        self._end()
        await asyncio.gather(*self._tasks)

    def _hear(self, heard: Heard) -> None:
        if heard.topic == "invoice.requested":
            task = asyncio.create_task(asyncio.to_thread(self._settle, heard.originator_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _settle(self, invoice_id: UUID) -> None:
        view = self._context.billing.get(Invoice, invoice_id).view
        outcome = view.metadata.get("outcome", "never")
        if outcome != "never":
            settle(self._context, invoice_id, outcome)


def settle(context: Context, invoice_id: UUID, outcome: str) -> None:
    """Append the events of an outcome."""
    if outcome == "rejected":
        context.billing.change(Invoice, invoice_id, _reject)
        return
    if outcome != "open":
        _record(context, invoice_id, "open", charging=True)
    _record(context, invoice_id, outcome)


def _record(context: Context, invoice_id: UUID, outcome: str, *, charging: bool = False) -> None:
    said = provider_invoice(outcome)
    body = Body.of(said.raw, None)
    context.billing.record_provider_state(
        invoice_id,
        said,
        source="answer",
        by="worker",
        at=datetime.now(UTC),
        charging=charging,
        body=body.sha256.hex(),
        bodies=[body],
    )


def _reject(invoice: Invoice) -> None:
    invoice.reject(
        code="provider_rejected",
        message="No such price: 'price_gone'",
        path="lineItems.0.price",
        provider_code="resource_missing",
        at=datetime.now(UTC),
    )
