"""Find the outcome of a request: the first event that answers a waiting caller."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from domain.invoices import action_events as ae
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from domain.invoices.fold import fold
from domain.invoices.refunds import parts_of_refund
from domain.invoices.view import InvoiceView

_ALWAYS: Final = (
    pe.PaymentSucceeded,
    pe.PaymentFailed,
    pe.PaymentActionRequired,
    pe.PaymentProcessing,
    e.CheckoutOpened,
    e.InvoiceDrafted,
    e.InvoiceRejected,
    e.InvoiceVoided,
    e.MarkedUncollectible,
    pe.PaymentCanceled,
    pe.PaymentExpired,
)

# The code of a RequestRefused where the payer's side said no, which no status of the invoice shows.
PAYMENT_DECLINED: Final = "payment_declined"

_REFUNDED: Final = (m.RefundPending, m.RefundSucceeded, m.RefundFailed)

WAKING_TOPICS: Final = tuple(fact.TOPIC for fact in (*_ALWAYS, e.InvoiceIssued))
REQUEST_TOPICS: Final = (*WAKING_TOPICS, ae.RequestRefused.TOPIC, ae.CaptureAccepted.TOPIC)
REFUND_TOPICS: Final = tuple(fact.TOPIC for fact in _REFUNDED)


def is_outcome(event: e.InvoiceEvent) -> bool:
    """Return whether an event is an outcome; an issued invoice is one where nothing is charged."""
    if isinstance(event, e.InvoiceIssued):
        return not event.charging
    return isinstance(event, _ALWAYS)


def first_outcome(events: Iterable[e.InvoiceEvent]) -> InvoiceView | None:
    """Fold a stream up to and including its first outcome; None while there is none.

    The prefix never changes, so that a replay renders the same answer without storing one.
    """
    view: InvoiceView | None = None
    for event in events:
        view = fold(view, event)
        if is_outcome(event):
            return view
    return None


def outcome_of(events: Iterable[e.InvoiceEvent], request_id: UUID) -> InvoiceView | None:
    """Fold a stream up to and including the outcome of one requested action; None before it.

    As with `first_outcome`, the prefix never changes.
    """
    view: InvoiceView | None = None
    request: e.InvoiceEvent | None = None
    for event in events:
        view = fold(view, event)
        if request is not None and _is_answer_to(request, event, view):
            return view
        if request_id in (getattr(event, "request_id", None), getattr(event, "refund_id", None)):
            request = request or event
    return None


def ends_request(event: e.InvoiceEvent) -> bool:
    """Return whether an event ends a requested action other than a refund."""
    return is_outcome(event) or isinstance(event, ae.RequestRefused | ae.CaptureAccepted)


def _is_answer_to(request: e.InvoiceEvent, event: e.InvoiceEvent, view: InvoiceView) -> bool:
    """Return whether an event answers a request: for a refund, the last of its parts has one."""
    if isinstance(request, m.RefundRequested):
        parts = parts_of_refund(view, request.refund_id)
        is_of_request = isinstance(event, _REFUNDED) and str(event.refund_id) in {
            part.id for part in parts
        }
        return is_of_request and all(part.status != "requested" for part in parts)
    return ends_request(event)
