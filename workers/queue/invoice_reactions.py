"""Reactions to the events of invoices: their requests, refunds and payments in excess."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from domain.core.aggregate import DomainEvent
from domain.invoices import action_events as ae
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from domain.invoices.outcome import ends_request
from domain.invoices.steps import REFUND_STEP, is_refund
from projections.work.table import CloseJob, GiveUpJob, JobChange, ResendJob
from workers.queue import jobs

# Invoices: one row from each request to its outcome.

InvoiceRequest = (
    e.InvoiceRequested
    | ae.RetryRequested
    | ae.VoidRequested
    | ae.FinalizeRequested
    | ae.UncollectibleRequested
    | ae.CaptureRequested
)


def _open_invoice(event: InvoiceRequest) -> list[JobChange]:
    args, connection = {"invoice_id": str(event.originator_id)}, None
    if isinstance(event, e.InvoiceRequested):
        connection = event.connection
        if event.tenant_id is not None and event.customer is None:
            args["tenant_id"] = str(event.tenant_id)  # the tenant has the customer
    return [
        jobs.CHARGE_INVOICE.open(
            key=_invoice_key(event), app_id=_app_of(event), args=args, connection=connection
        )
    ]


def _close_invoice(event: e.InvoiceEvent) -> list[JobChange]:
    return [CloseJob(_invoice_key(event))] if ends_request(event) else []


def _stop_invoice(event: e.StepGaveUp) -> list[JobChange]:
    return [GiveUpJob(_step_key(event), reason=event.last_error)]


def _resend_invoice(event: e.StepResent) -> list[JobChange]:
    return [ResendJob(_step_key(event))]


def _open_refund(event: m.RefundRequested) -> list[JobChange]:
    args = {"invoice_id": str(event.originator_id), "refund_id": str(event.refund_id)}
    key = f"{REFUND_STEP}{event.refund_id}"
    return [jobs.REFUND_INVOICE.open(key=key, app_id=_app_of(event), args=args)]


def _close_refund(event: m.RefundFailed | m.CreditNoteRefused) -> list[JobChange]:
    return [] if event.refund_id is None else [CloseJob(f"{REFUND_STEP}{event.refund_id}")]


def _close_made_refund(event: m.RefundPending | m.RefundSucceeded) -> list[JobChange]:
    """Close a refund's row, unless its credit note is yet to be created."""
    if event.refund_id is None or event.note_due:
        return []
    return [CloseJob(f"{REFUND_STEP}{event.refund_id}")]


def _close_noted_refund(event: m.CreditNoteIssued) -> list[JobChange]:
    return [CloseJob(f"{REFUND_STEP}{event.refund_id}")] if event.ends_refund else []


def _invoice_key(event: e.InvoiceEvent) -> str:
    return f"invoice:{event.originator_id}"


def _step_key(event: e.StepGaveUp | e.StepResent) -> str:
    return event.step if is_refund(event.step) else _invoice_key(event)


def _app_of(event: InvoiceRequest | m.RefundRequested) -> UUID:
    assert event.app_id is not None, "a request carries its app"  # noqa: S101 - STYLE: assert what must hold
    return event.app_id


# Invoices with several payments: once one is paid, the others are canceled or refunded.


def _cancel_other_payments(event: pe.PaymentsLeftOver) -> list[JobChange]:
    invoice_id = str(event.originator_id)
    return [
        jobs.CANCEL_OTHER_PAYMENTS.open(
            key=f"cancel_other_payments:{invoice_id}",
            app_id=event.app_id,
            args={"invoice_id": invoice_id},
        )
    ]


def _refund_overpayment(event: pe.UnexpectedPayment) -> list[JobChange]:
    if event.object_type != "payment" or event.app_id is None:
        return []
    invoice_id, payment_id = str(event.originator_id), event.provider_object_id
    return [
        jobs.REFUND_OVERPAYMENT.open(
            key=f"refund_overpayment:{invoice_id}:{payment_id}",
            app_id=event.app_id,
            args={"invoice_id": invoice_id, "payment_id": payment_id},
        )
    ]


# Outcomes.
CLOSING: Final = (
    e.InvoiceIssued,
    e.InvoiceDrafted,
    e.InvoiceRejected,
    ae.CaptureAccepted,
    e.CheckoutOpened,
    pe.PaymentActionRequired,
    pe.PaymentProcessing,
    pe.PaymentSucceeded,
    pe.PaymentFailed,
    pe.PaymentCanceled,
    pe.PaymentExpired,
    e.InvoiceVoided,
    e.MarkedUncollectible,
    ae.RequestRefused,
    m.RefundPending,
    m.RefundSucceeded,
    m.RefundFailed,
)
INVOICE_REACTIONS: Final[dict[type[DomainEvent], Callable[[Any], list[JobChange]]]] = {
    e.InvoiceRequested: _open_invoice,
    ae.RetryRequested: _open_invoice,
    ae.VoidRequested: _open_invoice,
    ae.FinalizeRequested: _open_invoice,
    ae.CaptureRequested: _open_invoice,
    ae.UncollectibleRequested: _open_invoice,
    e.InvoiceIssued: _close_invoice,
    e.InvoiceDrafted: _close_invoice,
    e.InvoiceRejected: _close_invoice,
    ae.CaptureAccepted: _close_invoice,
    e.CheckoutOpened: _close_invoice,
    pe.PaymentActionRequired: _close_invoice,
    pe.PaymentProcessing: _close_invoice,
    pe.PaymentSucceeded: _close_invoice,
    pe.PaymentFailed: _close_invoice,
    pe.PaymentCanceled: _close_invoice,
    pe.PaymentExpired: _close_invoice,
    e.InvoiceVoided: _close_invoice,
    e.MarkedUncollectible: _close_invoice,
    ae.RequestRefused: _close_invoice,
    e.StepGaveUp: _stop_invoice,
    e.StepResent: _resend_invoice,
    m.RefundRequested: _open_refund,
    m.RefundPending: _close_made_refund,
    m.RefundSucceeded: _close_made_refund,
    m.RefundFailed: _close_refund,
    m.CreditNoteIssued: _close_noted_refund,
    m.CreditNoteRefused: _close_refund,
    pe.PaymentsLeftOver: _cancel_other_payments,
    pe.UnexpectedPayment: _refund_overpayment,
}
