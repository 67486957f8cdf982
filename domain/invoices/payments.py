"""Payments that stand for an invoice, where the provider has no invoices: begun, and heard of."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from domain.core.errors import NotPossible
from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from domain.invoices import events as e
from domain.invoices import status
from domain.invoices.events import OverpaymentReturned
from domain.invoices.provider_update import WORKER, Effect

if TYPE_CHECKING:
    from domain.invoices.invoice import Invoice
    from domain.invoices.view import InvoiceView

_FOREIGN: Final = {
    "finalize": "its provider has payments, and no drafts that could be finalised",
    "uncollectible": "its provider has payments, which can't be written off",
}


def require_supported(view: InvoiceView, action: str) -> None:
    """Refuse what only invoices of a provider know. Raises NotPossible."""
    if view.provider_object_type == "payment" and action in _FOREIGN:
        raise NotPossible(action=action, reason=_FOREIGN[action])


def record_payment_created(
    known: Invoice, made: ProviderInvoice, *, occurred_at: datetime, body: str | None
) -> None:
    """Remember a payment and how it stands: where to pay it, or what its charge came to.

    Twice is silent, as is one that is paid already.
    """
    waits = made.state == "open" and (made.payment is None or made.payment.state == "open")
    if waits:
        known.record_checkout(
            made, occurred_at=occurred_at, body=body or "", dashboard_url=made.dashboard_url
        )
        return
    if known.view.status != status.PAID and made.id not in known.view.objects:
        known.record_event(
            e.ProviderInvoiceCreated,
            occurred_at=occurred_at,
            actor=WORKER,
            provider_object_type=made.object_type,
            provider_object_id=made.id,
            customer=made.customer or "",
        )
    known.record_provider_state(
        made, source="answer", actor=WORKER, occurred_at=occurred_at, body=body, attempted=True
    )


def record_payment_state(
    known: Invoice,
    seen: ProviderInvoice,
    back: RefundsAndDisputes,
    *,
    actor: str,
    occurred_at: datetime,
    body: str | None,
    kind: str | None = None,
) -> Effect:
    """Take in how a payment stands and what went back on it, from whoever had it fetched.

    What goes back on another payment than the one that settled the invoice is none of its own.
    """
    effect = known.record_provider_state(
        seen, source="answer", actor=actor, occurred_at=occurred_at, body=body, provider_type=kind
    )
    if known.view.paid_by_object != seen.id:
        returned = record_overpayment_returned(
            known, seen.id, back, source="webhook", actor=actor, occurred_at=occurred_at
        )
        return Effect.CHANGED if returned else effect
    moved = known.record_refunds_and_disputes(
        back, source="webhook", actor=actor, occurred_at=occurred_at
    )
    return moved if moved is Effect.CHANGED else effect


def returned_minor(back: RefundsAndDisputes) -> int:
    """Add up what went back, or is on its way."""
    refunds = sum(refund.amount_minor for refund in back.refunds if refund.state != "failed")
    return refunds + sum(one.amount_minor for one in back.disputes if one.state != "won")


def record_overpayment_returned(
    known: Invoice,
    payment_id: str,
    back: RefundsAndDisputes,
    *,
    source: str,
    actor: str,
    occurred_at: datetime,
) -> bool:
    """Take in what went back of a payment that nobody expected; tells whether that is news."""
    paid = known.view.paid_elsewhere.get(payment_id, 0)
    returned = min(returned_minor(back), paid)
    if returned == known.view.returned_elsewhere.get(payment_id, 0):
        return False
    known.record_event(
        OverpaymentReturned,
        occurred_at=occurred_at,
        actor=actor,
        provider_object_id=payment_id,
        amount_minor=returned,
        currency=known.view.currency or "",
        source=source,
    )
    return True
