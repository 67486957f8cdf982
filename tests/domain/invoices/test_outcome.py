"""The first fact that a waiting caller can be told."""

import pytest

from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from domain.invoices import status
from domain.invoices.fold import fold
from domain.invoices.invoice import Invoice
from domain.invoices.outcome import WAKING_TOPICS, first_outcome, is_outcome
from tests.domain.given import Happened, happened, stream_of

REQUESTED = happened(e.InvoiceRequested)
CHARGING = happened(e.InvoiceIssued, charging=True)
WAITING = happened(e.InvoiceIssued, charging=False)
FAILED = happened(pe.PaymentFailed)
PAID = happened(pe.PaymentSucceeded)

ENDING = [
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
]


def _stream(*facts: Happened) -> list[e.InvoiceEvent]:
    return [event for event in stream_of(Invoice, *facts) if isinstance(event, e.InvoiceEvent)]


@pytest.mark.parametrize("kind", ENDING)
def test_a_definite_fact_ends_the_wait(kind: type[e.InvoiceEvent]) -> None:
    stream = _stream(REQUESTED, happened(e.StepStarted), CHARGING, happened(kind))
    view = first_outcome(stream)
    assert view is not None
    assert view.updated_at == stream[-1].timestamp


def test_an_issued_invoice_ends_the_wait_only_where_nothing_is_charged() -> None:
    assert first_outcome(_stream(REQUESTED, CHARGING)) is None
    view = first_outcome(_stream(REQUESTED, WAITING))
    assert view is not None
    assert view.status == status.OPEN


@pytest.mark.parametrize(
    "facts",
    [
        [],
        [REQUESTED],
        [REQUESTED, happened(e.StepStarted), happened(e.ProviderInvoiceCreated)],
        [REQUESTED, CHARGING, happened(e.StepGaveUp)],
        [REQUESTED, CHARGING, happened(e.ProviderStateConfirmed)],
    ],
)
def test_progress_and_giving_up_are_no_outcome(facts: list[Happened]) -> None:
    assert first_outcome(_stream(*facts)) is None


@pytest.mark.parametrize("later", [[PAID], [PAID, happened(m.RefundSucceeded)], [FAILED, FAILED]])
def test_the_first_outcome_stays_the_outcome_after_later_events(later: list[Happened]) -> None:
    first = _stream(REQUESTED, CHARGING, FAILED)
    assert first_outcome(_stream(REQUESTED, CHARGING, FAILED, *later)) == first_outcome(first)


def test_the_outcome_is_the_fold_of_the_stream_up_to_it() -> None:
    view = None
    for event in _stream(REQUESTED, CHARGING, FAILED):
        view = fold(view, event)
    assert first_outcome(_stream(REQUESTED, CHARGING, FAILED, PAID)) == view


def test_every_end_of_a_wait_wakes_the_waiter() -> None:
    for kind in (*ENDING, e.InvoiceIssued):
        event = _stream(REQUESTED, happened(kind, **_uncharged(kind)))[-1]
        assert is_outcome(event)
        assert kind.TOPIC in WAKING_TOPICS
    assert len(WAKING_TOPICS) == len(ENDING) + 1


def _uncharged(kind: type[e.InvoiceEvent]) -> dict[str, bool]:
    return {"charging": False} if kind is e.InvoiceIssued else {}
