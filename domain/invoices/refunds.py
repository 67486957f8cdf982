"""Refunds of an invoice with their credit notes: their fold, and the events of an update.

States only move forward (requested, pending, succeeded, failed), so that updates of the provider
may arrive in any order and twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from domain.core.aggregate import NewEvent
from domain.core.calendar import from_unix
from domain.gateway.objects import ProviderCreditNote, ProviderRefund
from domain.invoices import refund_events as m
from domain.invoices import status
from domain.invoices.view import CreditNote, InvoiceView, Refund

RESERVING: Final = {"requested", "pending", "succeeded"}
_REFUND_RANK: Final = {"requested": 0, "pending": 1, "succeeded": 2, "failed": 3}


def apply_refund(view: InvoiceView, event: m.RefundEvent) -> None:
    """Apply an event of one refund and update the refunded amount."""
    known = find_refund(view, event.refund_id, getattr(event, "provider_refund_id", None))
    refund = known or Refund(
        id=_refund_name(event),
        status="requested",
        amount_minor=event.amount_minor,
        updated_at=event.timestamp,
    )
    refund = replace(refund, amount_minor=event.amount_minor, updated_at=event.timestamp)
    refund = replace(refund, **_fields_of(event))
    if known is None:
        view.refunds.append(refund)
    else:
        view.refunds[view.refunds.index(known)] = refund
    if known is not None and known.id != known.provider_refund_id:
        _drop_double(view, refund)
    counted = [refund for refund in view.refunds if not is_of_overpayment(view, refund)]
    view.amount_refunded_minor = _sum(counted, {"succeeded"})


def _drop_double(view: InvoiceView, refund: Refund) -> None:
    """Drop the entry of a refund of ours that was known by the provider's id alone until now.

    Reconciliation records such an entry where a restored backup lacks the request; the repeated
    request then has the same refund as its result.
    """
    provider_id = refund.provider_refund_id
    view.refunds[:] = [
        one for one in view.refunds if one is refund or provider_id is None or one.id != provider_id
    ]


def _fields_of(event: m.RefundEvent) -> dict[str, Any]:
    """Return the fields of a refund that an event of its kind sets."""
    match event:
        case m.RefundRequested():
            return {
                "status": "requested",
                "reason": event.reason,
                "credit_note": event.credit_note,
                "part_of": None if event.part_of is None else str(event.part_of),
                "payment_id": event.payment_id,
            }
        case m.RefundAllocated():
            return {"payment_id": event.payment_id}
        case m.RefundPending():
            return {
                "status": "pending",
                "provider_refund_id": event.provider_refund_id,
                "note_due": event.note_due,
            }
        case m.RefundSucceeded():
            return {
                "status": "succeeded",
                "provider_refund_id": event.provider_refund_id,
                "refunded_at": from_unix(event.refunded_at) or event.timestamp,
                "note_due": event.note_due,
            }
        case m.RefundFailed():
            return {
                "status": "failed",
                "code": event.code,
                "message": event.message,
                "note_due": False,
            }
    return {}


def is_of_overpayment(view: InvoiceView, refund: Refund) -> bool:
    """Return whether a refund gives back a payment that nobody owed, and none of the invoice."""
    return refund.payment_id in view.paid_elsewhere


def _refund_name(event: m.RefundEvent) -> str | None:
    if event.refund_id is not None:
        return str(event.refund_id)
    provider_id: str | None = getattr(event, "provider_refund_id", None)
    return provider_id


def find_refund(view: InvoiceView, refund_id: object, provider_id: str | None) -> Refund | None:
    """Find a refund by our id, else by the provider's."""
    for entry in view.refunds:
        if refund_id is not None and entry.id == str(refund_id):
            return entry
    for entry in view.refunds:
        if provider_id is not None and provider_id in (entry.id, entry.provider_refund_id):
            return entry
    return None


def parts_of_refund(view: InvoiceView, refund_id: UUID) -> list[Refund]:
    """Return a requested refund with the other parts of its request."""
    return [entry for entry in view.refunds if str(refund_id) in (entry.id, entry.part_of)]


def charged_minor(view: InvoiceView) -> int:
    """Return the amount paid, with payments beyond it where each payment stands for the invoice."""
    return view.amount_paid_minor + _overpaid_minor(view)


def refundable_minor(view: InvoiceView) -> int:
    """Return the amount charged less what went back, or still may; 0 where more did.

    By refunds, by credit notes, and by disputes that are open or lost: the bank took these amounts
    back, and the payer would get them twice.
    """
    credited = sum(note.credited_minor for note in _issued(view))
    # What was returned of an overpayment includes the refunds that are on their way.
    waiting = [
        refund
        for refund in view.refunds
        if refund.status == "requested" or not is_of_overpayment(view, refund)
    ]
    gone = _sum(waiting, RESERVING) + credited + view.amount_disputed_minor
    return max(0, charged_minor(view) - gone)


def _overpaid_minor(view: InvoiceView) -> int:
    """Return what is left of further payments, which Stripe instead credits to the customer."""
    if view.provider_object_type != "payment":
        return 0
    return sum(view.paid_elsewhere.values()) - sum(view.returned_elsewhere.values())


def creditable_minor(view: InvoiceView) -> int:
    """Return how much of the total can still have a credit note together with a refund.

    The total is what was billed. More may have been paid, since a charge can include an earlier
    debt of the customer. Refunds with a note that is not known yet count, too. A note on an invoice
    that is not fully paid first lowers what is due, so that no refund can have one.
    """
    if view.status != status.PAID:
        return 0
    issued = _issued(view)
    known = {note.refund_id for note in issued}
    reserved = sum(
        refund.amount_minor
        for refund in view.refunds
        if refund.credit_note and refund.status in RESERVING and refund.id not in known
    )
    noted = sum(note.amount_minor for note in issued)
    return max(0, (view.total_minor or 0) - noted - reserved)


def _issued(view: InvoiceView) -> list[CreditNote]:
    return [note for note in view.credit_notes if note.status == "issued"]


def _sum(entries: Iterable[Refund], states: set[str]) -> int:
    return sum(entry.amount_minor for entry in entries if entry.status in states)


def decide_refund(view: InvoiceView, refund: ProviderRefund, *, source: str) -> list[NewEvent]:
    """Decide the event of a provider's refund; none where its state is known already."""
    known = find_refund(view, refund.reference, refund.id)
    rank = -1 if known is None else _REFUND_RANK[known.status]
    if _REFUND_RANK[refund.state] <= rank:
        return []
    fields: dict[str, Any] = {
        "refund_id": _our_id(known, refund),
        "provider_refund_id": refund.id,
        "amount_minor": refund.amount_minor,
        "source": source,
    }
    noted = fields | {"note_due": _needs_note(view, known)}
    match refund.state:
        case "pending":
            return [NewEvent(m.RefundPending, noted)]
        case "succeeded":
            return [NewEvent(m.RefundSucceeded, noted | {"refunded_at": refund.refunded_at})]
        case "failed":
            message = refund.message or "The provider could not give the money back."
            code = refund.code or "refund_failed"
            return [NewEvent(m.RefundFailed, fields | {"code": code, "message": message})]


def _needs_note(view: InvoiceView, refund: Refund | None) -> bool:
    """Return whether a refund's credit note is yet to be created.

    With several payments the refund comes first: a note cannot choose the payment it refunds.
    """
    if view.provider_object_type == "payment" or refund is None or refund.payment_id is None:
        return False
    known = {note.refund_id for note in _issued(view)}
    return refund.credit_note is True and refund.id not in known


def _our_id(known: Refund | None, refund: ProviderRefund) -> UUID | None:
    """Return our id of a refund that was requested here; copied metadata alone is no proof."""
    if known is None or refund.reference is None or known.id != refund.reference:
        return None
    try:
        return UUID(refund.reference)
    except ValueError:
        return None


def apply_credit_note(view: InvoiceView, event: m.CreditNoteEvent | m.CreditNoteRefused) -> None:
    """Apply an event of one credit note, or that a refund stands without its own."""
    if isinstance(event, m.CreditNoteRefused):
        fields = {"credit_note": False, "code": event.code, "message": event.message}
        _end_note(view, str(event.refund_id), fields)
        return
    note = CreditNote(
        id=event.credit_note_id,
        status="issued" if isinstance(event, m.CreditNoteIssued) else "void",
        amount_minor=event.amount_minor,
        credited_minor=event.credited_minor,
        updated_at=event.timestamp,
        number=event.number,
        refund_id=event.refund_id,
    )
    view.credit_notes = [*(one for one in view.credit_notes if one.id != note.id), note]
    _end_note(view, event.refund_id, {})


def _end_note(view: InvoiceView, refund_id: str | None, fields: dict[str, Any]) -> None:
    for index, refund in enumerate(view.refunds):
        if refund_id is not None and refund.id == refund_id:
            view.refunds[index] = replace(refund, note_due=False, **fields)


def decide_credit_note(
    view: InvoiceView, note: ProviderCreditNote, *, source: str
) -> list[NewEvent]:
    """Decide the event of a provider's credit note; none where its state is known already."""
    known = next((entry for entry in view.credit_notes if entry.id == note.id), None)
    if known is not None and known.status in ("void", note.state):
        return []
    fields: dict[str, Any] = {
        "credit_note_id": note.id,
        "number": note.number,
        "amount_minor": note.amount_minor,
        "credited_minor": note.credited_minor,
        "refund_id": note.reference,
        "source": source,
        "ends_refund": _is_due(view, note),
    }
    return [NewEvent(m.CreditNoteIssued if note.state == "issued" else m.CreditNoteVoided, fields)]


def _is_due(view: InvoiceView, note: ProviderCreditNote) -> bool:
    refund = None if note.reference is None else find_refund(view, note.reference, None)
    return refund is not None and refund.note_due
