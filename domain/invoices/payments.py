"""Record the state of payments that stand for an invoice, where the provider has no invoices."""

from __future__ import annotations

from datetime import datetime

from domain.core.effects import WORKER, Effect
from domain.gateway.objects import ProviderInvoice, RefundsAndDisputes
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import status
from domain.invoices.invoice import Invoice
from domain.invoices.refunds import find_refund
from domain.invoices.view import InvoiceView


def record_payment_created(
    known: Invoice, made: ProviderInvoice, *, occurred_at: datetime, body: str | None
) -> None:
    """Record a created payment: where to pay it, or the result of its charge.

    A repetition has no effect, nor has an invoice that is paid already.
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
    """Record a fetched payment with its refunds and disputes.

    Refunds of a payment other than the one that paid the invoice are not the invoice's own.
    """
    effect = known.record_provider_state(
        seen, source="answer", actor=actor, occurred_at=occurred_at, body=body, provider_type=kind
    )
    if not is_payment_of(known.view, seen.id):
        returned = record_returned_payment(
            known, seen.id, back, source="webhook", actor=actor, occurred_at=occurred_at
        )
        return Effect.CHANGED if returned else effect
    moved = known.record_refunds_and_disputes(
        back, source="webhook", actor=actor, occurred_at=occurred_at
    )
    return moved if moved is Effect.CHANGED else effect


def is_payment_of(view: InvoiceView, payment_id: str) -> bool:
    """Return whether a payment paid the invoice, or a captured part of it so far."""
    if view.paid_by_object is not None:
        return view.paid_by_object == payment_id
    return view.amount_paid_minor > 0 and view.provider_object_id == payment_id


def returned_minor(back: RefundsAndDisputes) -> int:
    """Return the sum of refunds and disputes, also of pending ones."""
    refunds = sum(refund.amount_minor for refund in back.refunds if refund.state != "failed")
    return refunds + sum(one.amount_minor for one in back.disputes if one.state != "won")


def record_returned_payment(
    known: Invoice,
    payment_id: str,
    back: RefundsAndDisputes,
    *,
    source: str,
    actor: str,
    occurred_at: datetime,
) -> bool:
    """Record the amount returned of an unexpected payment, and its refunds requested here."""
    ours = tuple(
        refund
        for refund in back.refunds
        for entry in [find_refund(known.view, refund.reference, refund.id)]
        if entry is not None and entry.payment_id == payment_id
    )
    moved = known.record_refunds_and_disputes(
        RefundsAndDisputes(refunds=ours), source=source, actor=actor, occurred_at=occurred_at
    )
    returned = record_overpayment_returned(
        known, payment_id, back, source=source, actor=actor, occurred_at=occurred_at
    )
    return returned or moved is Effect.CHANGED


def record_overpayment_returned(
    known: Invoice,
    payment_id: str,
    back: RefundsAndDisputes,
    *,
    source: str,
    actor: str,
    occurred_at: datetime,
) -> bool:
    """Record the amount returned of an unexpected payment; returns whether it changed."""
    paid = known.view.paid_elsewhere.get(payment_id, 0)
    returned = min(returned_minor(back), paid)
    if returned == known.view.returned_elsewhere.get(payment_id, 0):
        return False
    known.record_event(
        pe.OverpaymentReturned,
        occurred_at=occurred_at,
        actor=actor,
        provider_object_id=payment_id,
        amount_minor=returned,
        currency=known.view.currency or "",
        source=source,
    )
    return True
