"""The one fold: total over whatever an invoice produced, and the same as the aggregate's view."""

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.gateway.objects import InvoiceState, PaymentState, ProviderInvoice
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from domain.invoices import status
from domain.invoices.fold import fold
from domain.invoices.invoice import Invoice
from domain.invoices.view import InvoiceView
from eventlog.codec import Codec
from tests.domain.event_examples import EXAMPLES, REFUND_ID, TOTAL
from tests.domain.given import START, Given, Happened, happened, moment, stream_of
from tests.domain.invoices.provider_updates import (
    Source,
    apply_update,
    payment,
    request_command,
    snapshot,
)

_BEGINNINGS = (e.InvoiceRequested, e.InvoiceImported)
_LATER = [kind for kind in EXAMPLES if issubclass(kind, e.InvoiceEvent) and kind not in _BEGINNINGS]
_INT64 = st.integers(-(2**63), 2**63 - 1)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_PAYMENTS = st.builds(
    payment,
    st.sampled_from(get_args(PaymentState)),
    id=st.sampled_from(["pi_1", "pi_2", ""]),
    amount_minor=_INT64,
    method=st.none() | _TEXT,
    code=st.none() | _TEXT,
    message=st.none() | _TEXT,
)
_SNAPSHOTS = st.builds(
    snapshot,
    st.sampled_from(get_args(InvoiceState)),
    id=st.sampled_from(["in_1", "in_1", "in_1", "in_2", "in_3"]),
    as_of=st.integers(98, 104) | _INT64,
    attempt_count=st.integers(0, 3) | _INT64,
    amount_paid_minor=st.integers(0, TOTAL) | _INT64,
    total_minor=_INT64,
    hosted_url=st.none() | _TEXT,
    due_at=st.none() | _INT64,
    period_start=st.none() | _INT64,
    period_end=st.none() | _INT64,
    paid_at=st.none() | _INT64,
    lines=st.sampled_from([(), snapshot().lines]),
    payment=st.none() | _PAYMENTS,
    event_payment_state=st.sampled_from([None, "failed", "requires_action"]),
)


def _step(step: str, attempt: int, occurred_at: datetime) -> Callable[[Invoice], Any]:
    return lambda invoice: invoice.start_step(step, occurred_at=occurred_at, attempt=attempt)


def _created(snapshot_: ProviderInvoice, occurred_at: datetime) -> Callable[[Invoice], Any]:
    return lambda invoice: invoice.record_created(snapshot_, occurred_at=occurred_at)


def _reject(code: str, occurred_at: datetime) -> Callable[[Invoice], Any]:
    return lambda invoice: invoice.reject(code=code, message="No.", occurred_at=occurred_at)


def _give_up(step: str, occurred_at: datetime) -> Callable[[Invoice], Any]:
    return lambda invoice: invoice.give_up(
        step, attempts=40, last_error="time-out", occurred_at=occurred_at
    )


def _updated(
    snapshot_: ProviderInvoice, source: Source, occurred_at: datetime, *, charging: bool
) -> Callable[[Invoice], Any]:
    return apply_update(snapshot_, source=source, occurred_at=occurred_at, charging=charging)


_MOMENTS = st.builds(moment, st.integers(-100, 100))
_STEPS = st.sampled_from(["create", "lines", "finalize", "pay"])
_DECISIONS = st.lists(
    st.one_of(
        st.builds(_step, _STEPS, st.integers(1, 3), _MOMENTS),
        st.builds(_created, _SNAPSHOTS, _MOMENTS),
        st.builds(_reject, _TEXT, _MOMENTS),
        st.builds(_give_up, _STEPS, _MOMENTS),
        *[
            st.builds(
                _updated,
                _SNAPSHOTS,
                st.sampled_from(get_args(Source)),
                _MOMENTS,
                charging=st.booleans(),
            )
        ]
        * 4,
    ),
    max_size=10,
)


def _view_of(stream: list[e.InvoiceEvent]) -> InvoiceView | None:
    view = None
    for event in stream:
        view = fold(view, event)
    return view


@given(st.sampled_from(_BEGINNINGS), _DECISIONS)
def test_the_fold_of_what_an_invoice_produced_is_its_view(
    first: type[e.InvoiceEvent], decisions: list[Callable[[Invoice], Any]]
) -> None:
    invoice = Given(Invoice, happened(first))
    if first is e.InvoiceRequested:
        invoice = Given.made(Invoice.request(request_command(), occurred_at=START))
    for decide in decisions:
        invoice.when(decide)
    codec = Codec()
    stored = [codec.decode(codec.encode(event)) for event in invoice.recorded]
    stream = [event for event in stored if isinstance(event, e.InvoiceEvent)]
    assert len(stream) == len(invoice.recorded)
    if stream:
        assert _view_of(stream) == invoice.root.view


@given(_DECISIONS)
def test_status_transitions_follow_the_table_for_random_updates(
    decisions: list[Callable[[Invoice], Any]],
) -> None:
    invoice = Given(Invoice, happened(e.InvoiceRequested))
    for decide in decisions:
        invoice.when(decide)
    seen: list[str] = []
    view = None
    for event in invoice.recorded:
        assert isinstance(event, e.InvoiceEvent)
        view = fold(view, event)
        seen.append(view.status)
    moves = [(now, then) for now, then in pairwise(seen) if now != then]
    assert all(status.may_become(now, then) for now, then in moves)
    paid = [event for event in invoice.recorded if isinstance(event, pe.PaymentSucceeded)]
    assert len(paid) <= 1


@given(st.sampled_from(_BEGINNINGS), st.lists(st.sampled_from(_LATER), max_size=12))
def test_no_order_of_facts_makes_the_fold_raise(
    first: type[e.InvoiceEvent], kinds: list[type[e.InvoiceEvent]]
) -> None:
    facts = [happened(first), *(happened(kind) for kind in kinds)]
    stream = [event for event in stream_of(Invoice, *facts) if isinstance(event, e.InvoiceEvent)]
    view = _view_of(stream)
    assert view is not None
    assert view.status in status.ALL
    assert view.updated_at == stream[-1].timestamp


@pytest.mark.parametrize("unix_s", [2**63 - 1, -(2**63), 253402300800])
def test_a_time_that_no_calendar_has_is_none(unix_s: int) -> None:
    issued = happened(e.InvoiceIssued, due_at=unix_s)
    view = Given(Invoice, happened(e.InvoiceRequested), issued).root.view
    assert view.due_at is None


def test_a_stream_begins_with_a_request_or_an_import() -> None:
    event = happened(pe.PaymentFailed).as_event(Invoice, version=1, seconds=0)
    assert isinstance(event, e.InvoiceEvent)
    with pytest.raises(AssertionError, match="cannot begin with PaymentFailed"):
        fold(None, event)


# What only later commands will produce must fold already.


def _view(*facts: Happened) -> InvoiceView:
    first = (happened(e.InvoiceRequested), happened(e.InvoiceIssued))
    return Given(Invoice, *first, *facts).root.view


def test_a_refund_counts_once_the_provider_has_made_it() -> None:
    paid, refund_requested = happened(pe.PaymentSucceeded), happened(m.RefundRequested)
    assert _view(paid, refund_requested).amount_refunded_minor == 0
    view = _view(paid, refund_requested, happened(m.RefundSucceeded))
    assert (view.amount_refunded_minor, view.status) == (500, status.PAID)
    assert [(refund.id, refund.status) for refund in view.refunds] == [
        (str(REFUND_ID), "succeeded")
    ]


def test_a_refund_that_failed_counts_no_more() -> None:
    view = _view(happened(m.RefundSucceeded), happened(m.RefundFailed))
    assert (view.amount_refunded_minor, view.refunds[0].status) == (0, "failed")


@pytest.mark.parametrize(
    ("end", "shown"),
    [(None, ("open", TOTAL)), (m.DisputeWon, ("won", 0)), (m.DisputeLost, ("lost", TOTAL))],
)
def test_a_dispute_changes_amounts_and_never_the_status(
    end: type[e.InvoiceEvent] | None, shown: tuple[str, int]
) -> None:
    ends = [] if end is None else [happened(end)]
    view = _view(happened(pe.PaymentSucceeded), happened(m.DisputeOpened), *ends)
    assert (view.dispute_status, view.amount_disputed_minor) == shown
    assert view.status == status.PAID


@pytest.mark.parametrize(
    ("fact", "then"),
    [
        (pe.PaymentExpired, status.EXPIRED),
        (pe.PaymentCanceled, status.CANCELED),
        (e.InvoiceDrafted, status.DRAFT),
        (e.CheckoutOpened, status.OPEN),
    ],
)
def test_events_set_their_status(fact: type[e.InvoiceEvent], then: str) -> None:
    assert _view(happened(fact)).status == then
