"""Find the first event that answers a waiting caller."""

import pytest

from domain.invoices import action_events as ae
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from domain.invoices import status
from domain.invoices.fold import fold
from domain.invoices.invoice import Invoice
from domain.invoices.outcome import WAKING_TOPICS, first_outcome
from domain.invoices.view import InvoiceView
from tests.domain.event_examples import EXAMPLES
from tests.domain.given import Happened, happened, stream_of

REQUESTED = happened(e.InvoiceRequested)
CHARGING = happened(e.InvoiceIssued, charging=True)
WAITING = happened(e.InvoiceIssued, charging=False)
FAILED = happened(pe.PaymentFailed)
PAID = happened(pe.PaymentSucceeded)

# They answer an action on the invoice, not the request for it.
ANSWERS_OF_ACTIONS = (ae.RequestRefused, ae.CaptureAccepted)
LATER = [
    kind
    for kind in EXAMPLES
    if issubclass(kind, e.InvoiceEvent) and kind not in (e.InvoiceRequested, e.InvoiceImported)
]


def _stream(*facts: Happened) -> list[e.InvoiceEvent]:
    return [event for event in stream_of(Invoice, *facts) if isinstance(event, e.InvoiceEvent)]


def _after(*facts: Happened) -> InvoiceView:
    view = None
    for event in _stream(*facts):
        view = fold(view, event)
    assert view is not None
    return view


def test_what_ends_the_work_in_progress_ends_the_wait_and_wakes_the_waiter() -> None:
    for kind in LATER:
        for fields in ({"charging": True}, {"charging": False}):
            last = happened(kind, **fields) if kind is e.InvoiceIssued else happened(kind)
            facts = (REQUESTED, happened(e.StepStarted), last)
            ended = not _after(*facts).in_progress and kind not in ANSWERS_OF_ACTIONS
            outcome = first_outcome(_stream(*facts))
            assert (outcome is not None) is ended, (kind, fields)
            if outcome is not None:
                assert outcome.updated_at == _stream(*facts)[-1].timestamp
                assert kind.TOPIC in WAKING_TOPICS


def test_nothing_but_an_end_wakes_the_waiter() -> None:
    ends = {kind for kind in LATER if not _after(REQUESTED, happened(kind)).in_progress}
    ends = ends.difference(ANSWERS_OF_ACTIONS) | {e.InvoiceIssued}
    assert set(WAKING_TOPICS) == {kind.TOPIC for kind in ends}


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
    assert first_outcome(_stream(REQUESTED, CHARGING, FAILED, PAID)) == _after(
        REQUESTED, CHARGING, FAILED
    )
