"""Refund an invoice exactly once, also after a crash.

The amount is reserved with the request. The step records the payment that it is taken from before
its first call; a refund of several payments is split first, into one refund and one step for each.
After the key's lifetime, refunds that the provider has for our reference are looked up before the
call is repeated.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from domain.billing import Billing
from domain.core import metadata
from domain.core.effects import WORKER
from domain.gateway.errors import GatewayRejected
from domain.gateway.objects import ProviderRefund, RefundDraft, RefundsAndDisputes
from domain.invoices.invoice import Invoice
from domain.invoices.payments import record_returned_payment
from domain.invoices.refund_split import NOT_REFUNDABLE
from domain.invoices.refunds import find_refund, is_of_overpayment
from domain.invoices.step_plans import RefundPlan
from domain.invoices.steps import REFUND_STEP
from domain.invoices.view import InvoiceView, Refund
from workers.invoices.credit_note import create_note, refuse_note
from workers.invoices.job import InvoiceDeps, billhook_metadata, object_id, start_step
from workers.invoices.rejections import RequestRejected
from workers.provider_objects.same_account import require_same_account


def refund_invoice(invoice_id: UUID, refund_id: UUID, deps: InvoiceDeps) -> None:
    """Refund the amount reserved under this id, and create the credit note that it still lacks.

    Raises GatewayUnavailable for a retry.
    """
    invoice = deps.billing.get(Invoice, invoice_id)
    refund = find_refund(invoice.view, refund_id, None)
    if refund is not None and refund.status == "requested":
        invoice = _refund(invoice, refund_id, deps)
        refund = find_refund(invoice.view, refund_id, None)
    if refund is not None and refund.note_due:
        create_note(invoice, _draft(invoice.view, refund), refund.provider_refund_id or "", deps)


def _refund(invoice: Invoice, refund_id: UUID, deps: InvoiceDeps) -> Invoice:
    """Refund the requested amount, or what is left of it after the split; record the outcome."""
    step = f"{REFUND_STEP}{refund_id}"
    may_be_made = deps.must_look_up(invoice, step) or _has_unrequested(invoice.view)
    found = _made_before(invoice, refund_id, deps) if may_be_made else None
    try:
        if step not in invoice.view.steps:
            invoice = _start(invoice, refund_id, step, deps)
        requested = find_refund(invoice.view, refund_id, None)
        if requested is None or requested.status != "requested":
            return invoice
        deps.heartbeat()
        key = invoice.view.steps[step].key
        found = found or deps.gateway.refund(_draft(invoice.view, requested), key=key)
    except GatewayRejected as error:
        if error.missing or error.code == NOT_REFUNDABLE:
            require_same_account(invoice.view.customer, deps.gateway)
        return _record_failed(
            invoice.id,
            refund_id,
            code=error.code,
            message=error.message,
            billing=deps.billing,
            occurred_at=deps.now(),
        )
    return _record(invoice, refund_id, found, deps)


def _start(invoice: Invoice, refund_id: UUID, step: str, deps: InvoiceDeps) -> Invoice:
    """Choose the payment, splitting the refund over several ones, and record the step."""
    chosen = find_refund(invoice.view, refund_id, None)
    payment_id = None if chosen is None else chosen.payment_id
    if payment_id is None:
        objects = _paid_objects(invoice.view)
        payments = [paid for one in objects for paid in deps.gateway.fetch_paid_payments(one)]
        is_split = len(payments) > 1 or any(p.id in invoice.view.paid_elsewhere for p in payments)
        if is_split:
            occurred_at = deps.now()
            invoice = deps.billing.change(
                Invoice,
                invoice.id,
                lambda known: known.split_refund(refund_id, payments, occurred_at=occurred_at),
            )
            chosen = find_refund(invoice.view, refund_id, None)
            payment_id = None if chosen is None else chosen.payment_id
        else:
            payment_id = payments[0].id if payments else None
        if payment_id is None:
            message = "It was paid outside of the provider, which has nothing to give back."
            raise GatewayRejected(message, code=NOT_REFUNDABLE)
    return start_step(invoice, step, deps, plan=RefundPlan(payment=payment_id))


def _has_unrequested(view: InvoiceView) -> bool:
    """Return whether the provider has a refund without a request in the log.

    It may be this one: a restored backup lacks its request, and the key may have expired since.
    """
    return any(refund.id == refund.provider_refund_id for refund in view.refunds)


def _made_before(invoice: Invoice, refund_id: UUID, deps: InvoiceDeps) -> ProviderRefund | None:
    back = deps.gateway.fetch_refunds_and_disputes(_refunded_object(invoice.view, refund_id))
    return next((made for made in back.refunds if made.reference == str(refund_id)), None)


def _draft(view: InvoiceView, refund: Refund) -> RefundDraft:
    """Build the draft; a refund of one of several payments has its credit note afterwards."""
    refund_id = UUID(refund.id)
    return RefundDraft(
        invoice_id=_refunded_object(view, refund_id),
        payment_id=RefundPlan.of(view.steps[f"{REFUND_STEP}{refund_id}"]).payment,
        amount_minor=refund.amount_minor,
        currency=view.currency or "",
        reason=refund.reason,
        credit_note=refund.credit_note is not False and refund.payment_id is None,
        reference=str(refund_id),
        metadata=billhook_metadata(view) | {metadata.REFUND: str(refund_id)},
    )


def _paid_objects(view: InvoiceView) -> list[str]:
    """Return the paid objects: where payments stand for the invoice, also those beyond it."""
    paid = [view.paid_by_object or object_id(view)]
    if view.provider_object_type == "payment":
        paid += [known for known in view.paid_elsewhere if known not in paid]
    return paid


def _refunded_object(view: InvoiceView, refund_id: UUID) -> str:
    """Return the invoice, or the payment of it, that has the refund."""
    refund = find_refund(view, refund_id, None)
    if refund is not None and refund.payment_id and view.provider_object_type == "payment":
        return refund.payment_id
    return _paid_objects(view)[0]


def _record(invoice: Invoice, refund_id: UUID, made: ProviderRefund, deps: InvoiceDeps) -> Invoice:
    """Record the refund; of an overpayment, with the amount that was returned of it so far."""
    refund = find_refund(invoice.view, refund_id, None)
    back, occurred_at = RefundsAndDisputes(refunds=(made,)), deps.now()
    if refund is None or not is_of_overpayment(invoice.view, refund):
        return deps.billing.change(
            Invoice,
            invoice.id,
            lambda known: known.record_refunds_and_disputes(
                back, source="answer", actor=WORKER, occurred_at=occurred_at
            ),
        )
    payment_id = refund.payment_id or ""
    all_of_it = deps.gateway.fetch_refunds_and_disputes(payment_id)
    if made.id not in {listed.id for listed in all_of_it.refunds}:
        # The list may lag behind the answer; without the refund its amount would stay reserved.
        all_of_it = replace(all_of_it, refunds=(*all_of_it.refunds, made))
    return deps.billing.change(
        Invoice,
        invoice.id,
        lambda known: record_returned_payment(
            known, payment_id, all_of_it, source="answer", actor=WORKER, occurred_at=occurred_at
        ),
    )


def end_refund(
    invoice_id: UUID,
    refund_id: UUID,
    rejection: RequestRejected,
    *,
    billing: Billing,
    deps: InvoiceDeps | None,
    occurred_at: datetime,
) -> None:
    """Record a refund that the provider has for this id, else that the refund failed.

    A refund that is made stands without the credit note that it lacks. `deps` None: the provider
    was never called for it. Raises GatewayError where the provider does not answer which.
    """
    invoice = billing.get(Invoice, invoice_id)
    code = rejection.provider_code or rejection.code
    found = None if deps is None else _made_before(invoice, refund_id, deps)
    if found is not None and deps is not None:
        _record(invoice, refund_id, found, deps)
        refuse_note(
            invoice_id, refund_id, code, rejection.message, billing=billing, occurred_at=occurred_at
        )
        return
    _record_failed(
        invoice_id,
        refund_id,
        code=code,
        message=rejection.message,
        billing=billing,
        occurred_at=occurred_at,
    )


def _record_failed(
    invoice_id: UUID,
    refund_id: UUID,
    *,
    code: str,
    message: str,
    billing: Billing,
    occurred_at: datetime,
) -> Invoice:
    return billing.change(
        Invoice,
        invoice_id,
        lambda known: known.fail_refund(
            refund_id, code=code, message=message, occurred_at=occurred_at
        ),
    )
