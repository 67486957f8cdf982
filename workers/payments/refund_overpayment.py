"""Refund a second payment of an invoice, if the connection is configured to."""

from __future__ import annotations

from uuid import UUID

import structlog

from domain.apps.connection import Connection
from domain.core import ids
from domain.core.effects import WORKER
from domain.gateway.errors import GatewayRejected
from domain.gateway.objects import ProviderRefund, RefundDraft, RefundsAndDisputes
from domain.invoices.invoice import Invoice
from domain.invoices.payments import record_overpayment_returned, returned_minor
from workers.invoices.job import billhook_metadata, start_step
from workers.payments.checkout import CheckoutDeps

_log = structlog.get_logger("billhook.jobs")


def refund_overpayment(invoice_id: UUID, payment_id: str, deps: CheckoutDeps) -> None:
    """Refund a payment that paid an invoice again, once; raises GatewayUnavailable for a retry.

    Earlier refunds of the payment, whoever made them, are fetched first, so that a lost answer
    causes no second refund.
    """
    invoice = deps.billing.get(Invoice, invoice_id)
    view = invoice.view
    connection = deps.billing.get(Connection, ids.for_connection(view.app_id, view.connection))
    if not connection.refund_overpayments or payment_id not in view.paid_elsewhere:
        return
    back = deps.gateway.fetch_refunds_and_disputes(payment_id)
    left_minor = view.paid_elsewhere[payment_id] - returned_minor(back)
    if left_minor > 0:
        try:
            made = _refund(invoice, payment_id, left_minor, deps)
        except GatewayRejected as error:
            # The invoice stays listed as overpaid for an operator.
            _log.warning("overpayment.refund_rejected", invoice=str(invoice_id), code=error.code)
            return
        back = RefundsAndDisputes(refunds=(*back.refunds, made), disputes=back.disputes)
    occurred_at = deps.now()
    deps.billing.change(
        Invoice,
        invoice_id,
        lambda known: record_overpayment_returned(
            known, payment_id, back, source="answer", actor=WORKER, occurred_at=occurred_at
        ),
    )


def _refund(
    invoice: Invoice, payment_id: str, amount_minor: int, deps: CheckoutDeps
) -> ProviderRefund:
    """Refund an amount of a payment as a recorded step. Raises GatewayRejected."""
    step = f"return:{payment_id}"
    invoice = start_step(invoice, step, deps)
    deps.heartbeat()
    draft = RefundDraft(
        invoice_id=payment_id,
        payment_id=payment_id,
        amount_minor=amount_minor,
        currency=invoice.view.currency or "",
        reason="duplicate",
        credit_note=False,
        reference=step,
        metadata=billhook_metadata(invoice.view),
    )
    return deps.gateway.refund(draft, key=invoice.view.steps[step].key)
