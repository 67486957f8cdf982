"""Create the credit note of a refund that was made without one.

A credit note that makes its own refund takes it from a payment of the provider's choice. Where the
invoice has several, each payment is refunded first, and a note of the same amount is linked to it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, cast
from uuid import UUID

from domain.billing import Billing
from domain.core.effects import WORKER
from domain.gateway.errors import GatewayRejected
from domain.gateway.objects import ProviderCreditNote, RefundDraft, RefundsAndDisputes
from domain.gateway.port import InvoicingGateway
from domain.invoices.invoice import Invoice
from domain.invoices.steps import REFUND_STEP
from workers.invoices.job import InvoiceDeps, start_step

_NOTE: Final = ":credit_note"


def create_note(
    invoice: Invoice, draft: RefundDraft, provider_refund_id: str, deps: InvoiceDeps
) -> None:
    """Create the note once; a refusal leaves the refund without one. Raises GatewayUnavailable."""
    step = f"{REFUND_STEP}{draft.reference}{_NOTE}"
    note = _made_before(draft, deps) if deps.must_look_up(invoice, step) else None
    invoice = start_step(invoice, step, deps)
    deps.heartbeat()
    # Only a provider that has invoices has notes that are due.
    gateway = cast("InvoicingGateway", deps.gateway)
    try:
        note = note or gateway.create_credit_note(
            draft, provider_refund_id, key=invoice.view.steps[step].key
        )
    except GatewayRejected as error:
        refuse_note(
            invoice.id,
            UUID(draft.reference),
            error.code,
            error.message,
            billing=deps.billing,
            occurred_at=deps.now(),
        )
        return
    back, occurred_at = RefundsAndDisputes(credit_notes=(note,)), deps.now()
    deps.billing.change(
        Invoice,
        invoice.id,
        lambda known: known.record_refunds_and_disputes(
            back, source="answer", actor=WORKER, occurred_at=occurred_at
        ),
    )


def _made_before(draft: RefundDraft, deps: InvoiceDeps) -> ProviderCreditNote | None:
    notes = deps.gateway.fetch_refunds_and_disputes(draft.invoice_id).credit_notes
    return next((note for note in notes if note.reference == draft.reference), None)


def refuse_note(
    invoice_id: UUID,
    refund_id: UUID,
    code: str,
    message: str,
    *,
    billing: Billing,
    occurred_at: datetime,
) -> None:
    """Record that a refund stands without its credit note."""
    billing.change(
        Invoice,
        invoice_id,
        lambda known: known.refuse_credit_note(
            refund_id, code=code, message=message, occurred_at=occurred_at
        ),
    )
