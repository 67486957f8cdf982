"""Read Stripe's refunds, credit notes and disputes into the port's objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from domain.core import metadata as metadata_keys
from domain.gateway.objects import (
    DisputeState,
    PaidPayment,
    ProviderCreditNote,
    ProviderDispute,
    ProviderRefund,
    RefundState,
)
from workers.providers.bounded_fields import read_as
from workers.providers.stripe.objects import Json
from workers.providers.stripe.refund_schemas import (
    StripeCreditNote,
    StripeDispute,
    StripePaidPart,
    StripeRefund,
)

_REFUND_STATES: Final[dict[str, RefundState]] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}


def to_refund(refund: Json, *, reference: str | None = None) -> ProviderRefund:
    """Read a refund; one made through a credit note has its `reference` there."""
    read = read_as(StripeRefund, refund, kind="refund")
    return ProviderRefund(
        id=read.id,
        state=_REFUND_STATES.get(read.status or "", "pending"),
        amount_minor=read.amount,
        refunded_at=read.created,
        reference=reference or read.metadata.get(metadata_keys.REFUND),
        code=read.failure_reason,
    )


def to_paid_part(invoice_payment: Json) -> tuple[int, PaidPayment]:
    """Read a payment of an invoice: when it was paid, and how much of it counts there."""
    read = read_as(StripePaidPart, invoice_payment, kind="invoice_payment")
    moments = read.status_transitions
    paid = PaidPayment(id=read.payment.payment_intent, amount_minor=read.amount_paid or 0)
    return (None if moments is None else moments.paid_at) or 0, paid


def refund_ids_of(credit_note: Json) -> list[str]:
    """Return the ids of the refunds that a credit note made."""
    read = read_as(StripeCreditNote, credit_note, kind="credit_note")
    return [entry.refund for entry in read.refunds or () if entry.refund is not None]


def to_credit_note(credit_note: Json) -> ProviderCreditNote:
    """Read a credit note: what was paid already goes back by refunds, as credit or out of band."""
    read = read_as(StripeCreditNote, credit_note, kind="credit_note")
    refunded = sum(entry.amount_refunded for entry in read.refunds or ())
    return ProviderCreditNote(
        id=read.id,
        state="void" if read.status == "void" else "issued",
        number=read.number,
        amount_minor=read.amount,
        credited_minor=max(0, read.post_payment_amount - refunded),
        reference=read.metadata.get(metadata_keys.REFUND),
    )


def invoice_of(credit_note: Json) -> str:
    """Read the id of a credit note's invoice."""
    return read_as(StripeCreditNote, credit_note, kind="credit_note").invoice


def references_in(credit_notes: Iterable[Json]) -> dict[str, str]:
    """Map the refunds of credit notes to our references, which are in the notes' metadata."""
    found: dict[str, str] = {}
    for note in credit_notes:
        read = read_as(StripeCreditNote, note, kind="credit_note")
        if metadata_keys.REFUND in read.metadata:
            found |= dict.fromkeys(refund_ids_of(note), read.metadata[metadata_keys.REFUND])
    return found


# What is not here is an inquiry, or was prevented: no money has moved. An appeal follows a loss.
_DISPUTE_STATES: Final[dict[str, DisputeState]] = {
    "needs_response": "open",
    "under_review": "open",
    "lost": "lost",
    "appeal_needs_response": "lost",
    "appeal_under_review": "lost",
    "won": "won",
}


def to_dispute(dispute: Json) -> ProviderDispute | None:
    """Read a dispute; None while no money is disputed."""
    read = read_as(StripeDispute, dispute, kind="dispute")
    state = _DISPUTE_STATES.get(read.status)
    if state is None:
        return None
    return ProviderDispute(
        id=read.id, state=state, amount_minor=read.amount, disputed_at=read.created
    )
