"""Refund an invoice exactly once, also after a crash.

The amount is reserved with the request. After the key's lifetime, refunds that the provider
has for our reference are looked up before the call is repeated.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from domain.billing import Billing
from domain.core import metadata
from domain.core.effects import WORKER
from domain.gateway.errors import GatewayRejected
from domain.gateway.objects import ProviderRefund, RefundDraft, RefundsAndDisputes
from domain.invoices import status
from domain.invoices.invoice import Invoice
from domain.invoices.refunds import find_refund
from domain.invoices.steps import REFUND_STEP
from domain.invoices.view import InvoiceView, Refund
from workers.invoices.job import InvoiceDeps, billhook_metadata, object_id, start_step
from workers.invoices.rejections import RequestRejected


def refund_invoice(invoice_id: UUID, refund_id: UUID, deps: InvoiceDeps) -> None:
    """Refund the amount reserved under this id; raises GatewayUnavailable for a retry."""
    invoice = deps.billing.get(Invoice, invoice_id)
    requested = find_refund(invoice.view, refund_id, None)
    if requested is None or requested.status != "requested":
        return
    step = f"{REFUND_STEP}{refund_id}"
    found = _made_before(invoice, refund_id, deps) if deps.key_expired(invoice, step) else None
    if found is None:
        invoice = start_step(invoice, step, deps)
        deps.heartbeat()
        try:
            draft = _draft(invoice.view, requested, deps)
            found = deps.gateway.refund(draft, key=invoice.view.steps[step].key)
        except GatewayRejected as error:
            _record_failed(
                invoice_id,
                refund_id,
                code=error.code,
                message=error.message,
                billing=deps.billing,
                occurred_at=deps.now(),
            )
            return
    _record(invoice, found, deps)


def _made_before(invoice: Invoice, refund_id: UUID, deps: InvoiceDeps) -> ProviderRefund | None:
    back = deps.gateway.fetch_refunds_and_disputes(_paid_object(invoice.view))
    return next((made for made in back.refunds if made.reference == str(refund_id)), None)


def _draft(view: InvoiceView, requested: Refund, deps: InvoiceDeps) -> RefundDraft:
    noted = requested.credit_note is not False
    return RefundDraft(
        invoice_id=_paid_object(view),
        payment_id=_paid_with(view) if noted else _paid_with(view) or _look_up_payment(view, deps),
        amount_minor=requested.amount_minor,
        currency=view.currency or "",
        reason=requested.reason,
        credit_note=noted,
        reference=requested.id or "",
        metadata=billhook_metadata(view) | {metadata.REFUND: requested.id or ""},
    )


def _paid_object(view: InvoiceView) -> str:
    """Return the id of the paid object: of several payments, the one that settled the invoice."""
    return view.paid_by_object or object_id(view)


def _paid_with(view: InvoiceView) -> str | None:
    paid = [payment.id for payment in view.payments if payment.status == status.PAID]
    return paid[-1] if paid else None


def _look_up_payment(view: InvoiceView, deps: InvoiceDeps) -> str:
    """Fetch the payment: a webhook may have reported the invoice paid without its payment."""
    payment = deps.gateway.fetch_invoice(_paid_object(view)).payment
    if payment is None or payment.state != "succeeded":
        message = "It was paid outside of the provider, which has nothing to give back."
        raise GatewayRejected(message, code="payment_missing")
    return payment.id


def _record(invoice: Invoice, refund: ProviderRefund, deps: InvoiceDeps) -> None:
    occurred_at, back = deps.now(), RefundsAndDisputes(refunds=(refund,))
    deps.billing.change(
        Invoice,
        invoice.id,
        lambda known: known.record_refunds_and_disputes(
            back, source="answer", actor=WORKER, occurred_at=occurred_at
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

    `deps` None: the provider was never called for it. Raises GatewayError where the provider does
    not answer which.
    """
    invoice = billing.get(Invoice, invoice_id)
    found = None if deps is None else _made_before(invoice, refund_id, deps)
    if found is not None and deps is not None:
        _record(invoice, found, deps)
        return
    _record_failed(
        invoice_id,
        refund_id,
        code=rejection.provider_code or rejection.code,
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
) -> None:
    billing.change(
        Invoice,
        invoice_id,
        lambda known: known.fail_refund(
            refund_id, code=code, message=message, occurred_at=occurred_at
        ),
    )
