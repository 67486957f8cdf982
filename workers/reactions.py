"""Event → job: what the log asks to be done, and what says that it is done."""

from __future__ import annotations

from typing import Final

from domain import invoice_events as e
from domain.base import Fact
from domain.outcome import is_outcome
from domain.provider_event import ProviderEventApplied, ProviderEventParked
from projections.asks import QUEUE as ASKS
from projections.work import Close, Open

REQUESTS: Final = "requests"
EVENTS: Final = "events"
QUEUES: Final = (REQUESTS, EVENTS, ASKS)

_ENDS: Final = (e.StepGaveUp, e.InvoiceVoided, e.MarkedUncollectible, e.PaymentCanceled)

TOPICS: Final = (
    e.InvoiceRequested.TOPIC,
    e.PaymentSucceeded.TOPIC,
    e.PaymentFailed.TOPIC,
    e.PaymentActionRequired.TOPIC,
    e.PaymentProcessing.TOPIC,
    e.CheckoutOpened.TOPIC,
    e.InvoiceDrafted.TOPIC,
    e.InvoiceRejected.TOPIC,
    e.InvoiceIssued.TOPIC,
    *(end.TOPIC for end in _ENDS),
    ProviderEventParked.TOPIC,
    ProviderEventApplied.TOPIC,
)


def changes_for(event: Fact) -> list[Open | Close]:
    """Say which rows of the work table an event opens or closes."""
    match event:
        case e.InvoiceRequested():
            return [_settle(event)]
        case e.InvoiceEvent() if is_outcome(event) or isinstance(event, _ENDS):
            return [Close(f"settle:{event.originator_id}")]
        case ProviderEventParked(retry=True):
            return [_ask_again(event)]
        case ProviderEventParked() | ProviderEventApplied():
            return [Close(f"provider_event:{event.originator_id}")]
    return []


def _settle(event: e.InvoiceRequested) -> Open:
    return Open(
        key=f"settle:{event.originator_id}",
        app=event.app_id,
        queue=REQUESTS,
        actor="settle_invoice",
        args={"invoice_id": str(event.originator_id)},
    )


def _ask_again(event: ProviderEventParked) -> Open:
    return Open(
        key=f"provider_event:{event.originator_id}",
        app=event.app_id,
        queue=EVENTS,
        actor="apply_by_asking",
        args={"provider_event_id": str(event.originator_id)},
    )
