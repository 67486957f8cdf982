"""Disputes and overpayments, and refunds beside them: no order matters."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from domain.core.errors import NotPossible
from domain.gateway.objects import (
    ProviderRefund,
    RefundsAndDisputes,
)
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from domain.invoices.invoice import Invoice
from domain.invoices.payments import record_overpayment_returned
from domain.invoices.refunds import refundable_minor
from tests.domain.event_examples import TOTAL
from tests.domain.given import Given, happened
from tests.domain.invoices.provider_updates import NOW, delivered, snapshot
from tests.domain.invoices.refund_cases import (
    apply_updates,
    dispute,
    paid,
    refund,
    request_refund,
)


def test_a_dispute_is_counted_while_it_is_open_or_lost() -> None:
    given = apply_updates(paid(), dispute("open")).given
    assert shown(given) == ("open", TOTAL)
    apply_updates(given, dispute("won"))
    assert shown(given) == ("won", 0)


def test_an_appeal_may_win_what_was_lost() -> None:
    given = apply_updates(paid(), dispute("lost")).given
    assert shown(given) == ("lost", TOTAL)
    apply_updates(given, dispute("won")).then(happened(m.DisputeWon))
    assert shown(given) == ("won", 0)
    apply_updates(given, dispute("lost")).then()


def test_of_several_disputes_the_gravest_is_shown_and_all_are_counted() -> None:
    given = apply_updates(
        paid(), dispute("won", amount=1000), dispute("lost", number=2, amount=400)
    ).given
    assert shown(given) == ("lost", 400)
    apply_updates(given, dispute("open", number=3, amount=99))
    assert shown(given) == ("open", 499)


def test_what_a_dispute_took_is_not_refunded_once_more() -> None:
    given = apply_updates(paid(), dispute("open", amount=400)).given
    assert refundable_minor(given.root.view) == TOTAL - 400
    apply_updates(given, dispute("lost", amount=400))
    assert refundable_minor(given.root.view) == TOTAL - 400
    rest = request_refund(given, None)
    rest.then(happened(m.RefundRequested, amount_minor=TOTAL - 400))
    with pytest.raises(NotPossible, match="refund"):
        request_refund(rest.given, 1)
    apply_updates(rest.given, dispute("lost", number=2, amount=TOTAL))
    assert refundable_minor(rest.given.root.view) == 0, "and not less"
    apply_updates(rest.given, dispute("won", amount=400), dispute("won", number=2, amount=TOTAL))
    assert refundable_minor(rest.given.root.view) == 400


def test_an_invoice_in_a_currency_that_is_not_known_is_refunded() -> None:
    given = Given(
        Invoice,
        happened(e.InvoiceRequested),
        happened(e.InvoiceIssued, currency="mru"),
        happened(pe.PaymentSucceeded, amount_minor=TOTAL),
    )
    assert given.root.view.currency == "mru"
    request_refund(given, 100).then(happened(m.RefundRequested, amount_minor=100))


def shown(given: Given[Invoice]) -> tuple[str | None, int]:
    view = given.root.view
    return view.dispute_status, view.amount_disputed_minor


# No order matters.

_UPDATES = st.one_of(
    st.builds(
        refund,
        st.sampled_from(["pending", "succeeded", "failed"]),
        ours=st.booleans(),
        amount=st.just(500),
    ),
    st.builds(dispute, st.sampled_from(["open", "lost", "won"]), number=st.integers(1, 2)),
)


@settings(max_examples=80, derandomize=True)
@drawn(st.lists(_UPDATES, max_size=8), st.randoms(use_true_random=False))
def test_refund_and_dispute_totals_do_not_depend_on_event_order(
    updates: list[Any], order: Any
) -> None:
    def end(updates_: list[Any]) -> tuple[object, ...]:
        given = request_refund(paid(), 500).given
        for update in updates_:
            apply_updates(given, update)
        view = given.root.view
        refunds = sorted((one.id, one.status) for one in view.refunds)
        disputes = sorted((one.id, one.status) for one in view.disputes)
        sums = view.amount_refunded_minor, view.amount_disputed_minor, view.dispute_status
        return refunds, disputes, sums

    shuffled = [*updates, *updates]
    order.shuffle(shuffled)
    assert end(shuffled) == end(updates)


# More than was asked for.


def test_what_was_overpaid_is_apart_from_what_was_paid_in_any_order() -> None:
    plain = snapshot("paid", as_of=130)
    over = snapshot("paid", as_of=131, amount_paid_minor=TOTAL + 700, amount_overpaid_minor=700)
    events = [happened(e.InvoiceRequested), happened(e.InvoiceIssued)]
    for updates in permutations([plain, over]):
        given = Given(Invoice, *events)
        for update in (*updates, *updates):
            given.when(delivered(update, event_type="invoice.overpaid"))
        view = given.root.view
        assert (view.amount_paid_minor, view.amount_overpaid_minor) == (TOTAL, 700)


def test_the_least_amount_that_an_unexpected_payment_returned_is_recorded_once() -> None:
    def returned(amount: int, of: str = "tr_2") -> Callable[[Invoice], bool]:
        refunds = tuple(
            ProviderRefund(id="re_9", state="succeeded", amount_minor=it, refunded_at=100)
            for it in (amount,)
            if it
        )
        return lambda known: record_overpayment_returned(
            known,
            of,
            RefundsAndDisputes(refunds=refunds),
            source="webhook",
            actor="worker",
            occurred_at=NOW,
        )

    given = Given(
        Invoice,
        happened(e.InvoiceRequested),
        happened(pe.UnexpectedPayment, provider_object_id="tr_2", amount_minor=TOTAL),
    )
    given.when(returned(0)).then().answering(False)
    given.when(returned(1, of="tr_unknown")).then().answering(False)
    (
        given.when(returned(1))
        .then(happened(pe.OverpaymentReturned, provider_object_id="tr_2", amount_minor=1))
        .answering(True)
        .when(returned(1))
        .then()
        .answering(False)
    )
