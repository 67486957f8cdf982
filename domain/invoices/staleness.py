"""Decide which of two snapshots from a provider is the newer, where objects carry no version.

Stripe's times have a resolution of one second. Counters that can only grow (state, attempts, amount
paid) decide most cases without a call. Where they are equal or contradict each other, the time
decides, and where the times are equal, the provider's object must be fetched.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from domain.core.calendar import to_unix
from domain.gateway.objects import (
    InvoicePayment,
    PaymentState,
    ProviderInvoice,
    ProviderLine,
)
from domain.invoices import status
from domain.invoices.view import InvoiceView, Progress, RequestedLine

DELETED_RANK: Final = 5
_STATE_RANK: Final = {
    "draft": 0,
    "deleted": DELETED_RANK,
    "canceled": 5,
    "expired": 5,
    "open": 1,
    "uncollectible": 2,
    "void": 4,
    "paid": 3,
}
_PAYMENT_RANK: Final[dict[PaymentState, int]] = {
    "open": 0,
    "failed": 1,
    "requires_action": 2,
    "processing": 3,
    "succeeded": 4,
    "canceled": 5,
}
_UNKNOWN_PAYMENT: Final = -1


class Age(Enum):
    """The age of a snapshot relative to the view."""

    NEWER = "newer"
    SAME = "same"
    OLDER = "older"
    AMBIGUOUS = "ambiguous"


def progress_of(snapshot: ProviderInvoice) -> Progress:
    """Return the counters of a snapshot that decide its age."""
    payment = (
        _UNKNOWN_PAYMENT if snapshot.payment is None else _PAYMENT_RANK[snapshot.payment.state]
    )
    return Progress(
        state_rank=_STATE_RANK[snapshot.state],
        attempt_count=snapshot.attempt_count,
        amount_paid_minor=snapshot.amount_paid_minor,
        payment_rank=payment,
    )


def age_of(view: InvoiceView, snapshot: ProviderInvoice, *, source: str) -> Age:
    """Compare a snapshot with the view; of equal times, a fetched snapshot is the newer."""
    known, seen = view.progress, progress_of(snapshot)
    if known is None:
        return Age.NEWER
    same_counters = seen.counters == known.counters
    has_no_payment = source == "webhook" and seen.payment_rank == _UNKNOWN_PAYMENT
    if has_no_payment and same_counters:
        return _age_by_event(view, known, snapshot)
    if seen == known:
        return Age.SAME
    grown = _age_by_growth(known.counters, seen.counters)
    known_as_of = view.payment_as_of if same_counters else view.as_of
    return grown or _age_by_time(known_as_of, snapshot.as_of, fetched=source != "webhook")


def is_ambiguous(view: InvoiceView, snapshot: ProviderInvoice) -> bool:
    """Return whether a snapshot differs from the view and neither is known to be newer."""
    if owes_otherwise(view, snapshot) and snapshot.as_of <= view.as_of:
        return True
    return age_of(view, snapshot, source="webhook") is Age.AMBIGUOUS


def is_payment_known(view: InvoiceView, payment: InvoicePayment) -> bool:
    """Return whether the invoice is paid by this very payment, so that it says nothing new."""
    if view.status != status.PAID or view.paid_by_object != payment.invoice_id:
        return False
    return any(
        known.id == payment.payment_id
        and known.status == status.PAID
        and known.amount_minor == payment.amount_minor == view.amount_paid_minor
        for known in view.payments
    )


def owes_otherwise(view: InvoiceView, snapshot: ProviderInvoice) -> bool:
    """Return whether an issued, unpaid invoice has another amount due than the view."""
    if snapshot.state not in ("open", "uncollectible") or view.status not in status.PAYABLE:
        return False
    return view.amount_due_minor != snapshot.amount_due_minor


def holds_otherwise(view: InvoiceView, snapshot: ProviderInvoice) -> bool:
    """Return whether an authorized payment holds another amount than in the view, or longer.

    A webhook does not carry the payment, and only a fetch tells its deadline.
    """
    if snapshot.amount_capturable_minor is None or snapshot.as_of < view.as_of:
        return False
    if snapshot.amount_capturable_minor != view.amount_capturable_minor:
        return True
    return snapshot.capture_before not in (None, to_unix(view.capture_before))


def _age_by_event(view: InvoiceView, known: Progress, snapshot: ProviderInvoice) -> Age:
    """Compare an event about a payment attempt with the view.

    An invoice counts automatic attempts, not those of a customer. The last time that the payment's
    state was known counts: events without it, however new, do not make this one stale.
    """
    if snapshot.event_payment_state is None:
        return Age.SAME
    if snapshot.as_of < view.payment_as_of:
        return Age.OLDER
    is_known = _PAYMENT_RANK[snapshot.event_payment_state] == known.payment_rank
    is_same = is_known and snapshot.as_of == view.payment_as_of
    return Age.SAME if is_same else Age.AMBIGUOUS


def _age_by_growth(known: tuple[int, ...], seen: tuple[int, ...]) -> Age | None:
    if known != seen and all(then >= now for now, then in zip(known, seen, strict=True)):
        return Age.NEWER
    if known != seen and all(then <= now for now, then in zip(known, seen, strict=True)):
        return Age.OLDER
    return None


def _age_by_time(known: int, seen: int, *, fetched: bool) -> Age:
    """Compare times; of equal ones, a snapshot that we fetched is the newer."""
    if seen == known:
        return Age.NEWER if fetched else Age.AMBIGUOUS
    return Age.NEWER if seen > known else Age.OLDER


def issued_lines(invoice: ProviderInvoice, view: InvoiceView) -> list[dict[str, Any]]:
    """Return the lines as issued, with the names of the request where it has them.

    `amount_minor` is for one unit, as requested (None where a price has it); `total_minor` is the
    amount of the whole line. An invoice with more lines than an answer carries keeps the requested
    ones.
    """
    if invoice.more_lines or not invoice.lines:
        return [dict(line) for line in view.lines]
    requested = {str(index): line for index, line in enumerate(view.request.lines)}
    return [_issued_line(line, requested.get(line.reference or "")) for line in invoice.lines]


def _issued_line(line: ProviderLine, requested: RequestedLine | None) -> dict[str, Any]:
    return {
        "id": line.id,
        "name": (None if requested is None else requested.name) or line.description,
        "quantity": line.quantity,
        "price": line.price,
        "amount_minor": None if requested is None else requested.amount_minor,
        "total_minor": line.total_minor,
        "currency": line.currency,
    }
