"""Events that a worker appends to an invoice, by the outcome that a test names."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import orjson

from domain.gateway.objects import (
    InvoiceState,
    ProviderInvoice,
    ProviderPayment,
    ProviderRefund,
    RefundsAndDisputes,
    RefundState,
)
from domain.invoices.invoice import Invoice
from eventlog.bodies import Body
from service.context import Context

SECRET = "pi_1_secret_never_shown"
HOSTED_URL = "https://invoice.stripe.test/i/1"
CHECKOUT_URL = "https://checkout.stripe.test/c/1"
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
    "authorized": replace(_PAYMENT, state="processing"),
}
_STATES: Final[dict[str, InvoiceState]] = {
    "paid": "paid",
    "void": "void",
    "draft": "draft",
    "deleted": "deleted",
    "uncollectible": "uncollectible",
}
_REFUND_STATES: Final[dict[str, RefundState]] = {"succeeded": "succeeded", "pending": "pending"}


def provider_invoice(outcome: str, *, attempts: int = 1) -> ProviderInvoice:
    """Build the provider's invoice after the steps that lead to an outcome."""
    paid, held = outcome == "paid", outcome == "authorized"
    return ProviderInvoice(
        id="in_1",
        state=_STATES.get(outcome, "open"),
        as_of=int(time.time()),
        livemode=False,
        currency="eur",
        customer="cus_1",
        number="A-1",
        total_minor=1999,
        tax_minor=0,
        amount_paid_minor=1999 if paid else 0,
        amount_due_minor=0 if paid else 1999,
        attempt_count=0 if outcome in ("open", "draft", "deleted") else attempts,
        hosted_url=HOSTED_URL,
        due_at=None,
        period_start=None,
        period_end=None,
        paid_at=int(time.time()) if paid else None,
        amount_capturable_minor=1999 if held else 0,
        capture_before=int(time.time()) + 604_800 if held else None,
        capturable_payment="pi_1" if held else None,
        payment=_PAYMENTS.get(outcome),
        raw=orjson.dumps({"id": "in_1", "confirmation_secret": {"client_secret": SECRET}}),
    )


def complete_invoice(context: Context, invoice_id: UUID, outcome: str) -> None:
    """Append the events of an outcome."""
    if outcome == "rejected":
        context.recording.billing.change(Invoice, invoice_id, _reject)
        return
    if outcome == "draft":
        context.recording.billing.change(Invoice, invoice_id, _leave_as_draft)
        return
    if outcome != "open":
        _record(context, invoice_id, "open", charging=True)
    _record(context, invoice_id, outcome)


def complete_action(context: Context, invoice_id: UUID, outcome: str) -> None:
    """Append what comes of what was asked of an invoice: a state of it, `refused` or `checkout`."""
    if outcome in _OTHER_OUTCOMES:
        context.recording.billing.change(Invoice, invoice_id, _OTHER_OUTCOMES[outcome])
        return
    invoice = context.recording.billing.get(Invoice, invoice_id)
    if outcome == "void" and invoice.view.status == "draft":
        outcome = "deleted"
    _record(context, invoice_id, outcome, attempts=2)


def refund_as(context: Context, invoice_id: UUID, refund_id: UUID, outcome: str) -> None:
    """Append what comes of a refund: pending, succeeded or failed."""

    def change(invoice: Invoice) -> None:
        occurred_at = datetime.now(UTC)
        if outcome == "failed":
            message = "The card's bank takes nothing back."
            invoice.fail_refund(
                refund_id, code="refund_refused", message=message, occurred_at=occurred_at
            )
            return
        (requested,) = (each for each in invoice.view.refunds if each.id == str(refund_id))
        refund = ProviderRefund(
            id=f"re_{refund_id.hex[:8]}",
            state=_REFUND_STATES[outcome],
            amount_minor=requested.amount_minor,
            refunded_at=int(time.time()),
            reference=str(refund_id),
        )
        invoice.record_refunds_and_disputes(
            RefundsAndDisputes(refunds=(refund,)),
            source="answer",
            actor="worker",
            occurred_at=occurred_at,
        )

    context.recording.billing.change(Invoice, invoice_id, change)


def _refuse(invoice: Invoice) -> None:
    invoice.refuse_request(
        code="provider_rejected",
        message="No such PaymentMethod: 'pm_gone'",
        path="paymentMethod",
        provider_code="resource_missing",
        occurred_at=datetime.now(UTC),
    )


def _open_checkout(invoice: Invoice) -> None:
    """Append what a retry makes where the provider has payments, and no invoices."""
    snapshot = provider_invoice("open")
    made = replace(snapshot, id="tr_2", object_type="payment", hosted_url=CHECKOUT_URL)
    body = Body.of(made.raw, None).sha256.hex()
    invoice.record_checkout(made, occurred_at=datetime.now(UTC), body=body, dashboard_url=None)


_OTHER_OUTCOMES: Final = {"refused": _refuse, "checkout": _open_checkout}


def _leave_as_draft(invoice: Invoice) -> None:
    snapshot = provider_invoice("draft")
    body = Body.of(snapshot.raw, None)
    invoice.record_drafted(snapshot, occurred_at=datetime.now(UTC), body=body.sha256.hex())


def _record(
    context: Context,
    invoice_id: UUID,
    outcome: str,
    *,
    charging: bool = False,
    attempts: int = 1,
) -> None:
    snapshot = provider_invoice(outcome, attempts=attempts)
    body = Body.of(snapshot.raw, None)
    context.recording.billing.record_provider_state(
        invoice_id,
        snapshot,
        source="answer",
        actor="worker",
        occurred_at=datetime.now(UTC),
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
        occurred_at=datetime.now(UTC),
    )
