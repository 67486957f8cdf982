"""When a request has its answer: the first fact that a waiting caller can be told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from domain import invoice_events as e
from domain.invoice_view import InvoiceView, fold

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

WAKING_TOPICS: Final = tuple(fact.TOPIC for fact in (*_ALWAYS, e.InvoiceIssued))


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
