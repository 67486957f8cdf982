"""When a request has its answer: the first fact that a waiting caller can be told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from domain.invoices import events as e
from domain.invoices import refund_events as m
from domain.invoices.fold import fold
from domain.invoices.view import InvoiceView

_ALWAYS: Final = (
    e.PaymentSucceeded,
    e.PaymentFailed,
    e.PaymentActionRequired,
    e.PaymentProcessing,
    e.CheckoutOpened,
    e.InvoiceDrafted,
    e.InvoiceRejected,
    e.InvoiceVoided,
    e.MarkedUncollectible,
    e.PaymentCanceled,
    e.PaymentExpired,
)

# The code of a RequestRefused where the payer's side said no, which no status of the invoice shows.
PAYMENT_DECLINED: Final = "payment_declined"

_REFUNDED: Final = (m.RefundPending, m.RefundSucceeded, m.RefundFailed)

WAKING_TOPICS: Final = tuple(fact.TOPIC for fact in (*_ALWAYS, e.InvoiceIssued))
REQUEST_TOPICS: Final = (*WAKING_TOPICS, e.RequestRefused.TOPIC)
REFUND_TOPICS: Final = tuple(fact.TOPIC for fact in _REFUNDED)


def is_outcome(event: e.InvoiceEvent) -> bool:
    """Tell whether a fact ends the wait; an issued invoice does where nothing is to be charged."""
    if isinstance(event, e.InvoiceIssued):
        return not event.charging
    return isinstance(event, _ALWAYS)


def first_outcome(events: Iterable[e.InvoiceEvent]) -> InvoiceView | None:
    """Fold a stream up to and including its first outcome; None while there is none.

    The same prefix for ever, so that a replay renders the same answer without storing one.
    """
    view: InvoiceView | None = None
    for event in events:
        view = fold(view, event)
        if is_outcome(event):
            return view
    return None


def outcome_of(events: Iterable[e.InvoiceEvent], request_id: UUID) -> InvoiceView | None:
    """Fold up to and including what came of one asking; None while nothing did.

    As `first_outcome` the same prefix for ever, for what was asked of an invoice that existed.
    """
    view: InvoiceView | None = None
    asked: e.InvoiceEvent | None = None
    for event in events:
        view = fold(view, event)
        if asked is not None and _answers(asked, event):
            return view
        if request_id in (getattr(event, "request_id", None), getattr(event, "refund_id", None)):
            asked = asked or event
    return None


def ends_request(event: e.InvoiceEvent) -> bool:
    """Tell whether a fact ends what was asked of an invoice, a refund aside."""
    return is_outcome(event) or isinstance(event, e.RequestRefused)


def _answers(asked: e.InvoiceEvent, event: e.InvoiceEvent) -> bool:
    if isinstance(asked, m.RefundRequested):
        return isinstance(event, _REFUNDED) and event.refund_id == asked.refund_id
    return ends_request(event)
