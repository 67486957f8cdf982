"""Refunds and disputes: what is reserved, what is news, and that no order matters."""

from collections.abc import Callable
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from domain.core.effects import Effect
from domain.core.errors import NotPossible
from domain.gateway.objects import (
    DisputeState,
    ProviderDispute,
    ProviderRefund,
    RefundsAndDisputes,
    RefundState,
)
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from domain.invoices.commands import RequestRefund
from domain.invoices.invoice import Invoice
from domain.invoices.payments import record_overpayment_returned
from domain.invoices.steps import REFUND_STEP
from tests.domain.event_examples import TOTAL
from tests.domain.given import Decided, Given, happened
from tests.domain.invoices.provider_updates import NOW, delivered, snapshot
from tests.domain.subscription_examples import INVOICE_ID

OURS = UUID("eeeeeeee-0000-4000-8000-000000000001")
OTHER = UUID("eeeeeeee-0000-4000-8000-000000000002")


def paid() -> Given[Invoice]:
    return Given(
        Invoice,
        happened(e.InvoiceRequested),
        happened(e.InvoiceIssued),
        happened(pe.PaymentSucceeded, amount_minor=TOTAL),
    )


def request_refund(
    given: Given[Invoice], amount: int | None, refund_id: UUID = OURS
) -> Decided[Invoice, None]:
    command = RequestRefund(
        invoice_id=INVOICE_ID,
        request_id=refund_id,
        request_hash="4a5h",
        actor="key:1",
        amount_minor=amount,
    )
    return given.when(lambda invoice: invoice.request_action(command, occurred_at=NOW))


def refund(state: RefundState, *, amount: int = 500, ours: bool = True) -> ProviderRefund:
    return ProviderRefund(
        id="re_1" if ours else "re_2",
        state=state,
        amount_minor=amount,
        refunded_at=130,
        reference=str(OURS) if ours else None,
    )


def dispute(state: DisputeState, *, number: int = 1, amount: int = TOTAL) -> ProviderDispute:
    return ProviderDispute(id=f"dp_{number}", state=state, amount_minor=amount, disputed_at=140)


def apply_updates(
    given: Given[Invoice], *updates: ProviderRefund | ProviderDispute
) -> Decided[Invoice, Effect]:
    back = RefundsAndDisputes(
        refunds=tuple(update for update in updates if isinstance(update, ProviderRefund)),
        disputes=tuple(update for update in updates if isinstance(update, ProviderDispute)),
    )
    return given.when(
        lambda invoice: invoice.record_refunds_and_disputes(
            back, source="webhook", actor="webhook:1", occurred_at=NOW
        )
    )


# What is reserved.


def test_a_refund_without_an_amount_takes_all_that_is_left() -> None:
    given = request_refund(paid(), 500).given
    request_refund(given, None, OTHER).then(happened(m.RefundRequested, amount_minor=TOTAL - 500))


def test_a_reserved_amount_cannot_be_refunded_twice() -> None:
    given = request_refund(paid(), 1500).given
    with pytest.raises(NotPossible, match=f"only {TOTAL - 1500}") as refused:
        request_refund(given, 500, OTHER)
    assert refused.value.path == "amountMinor"


@pytest.mark.parametrize("amount", [None, 1])
def test_nothing_is_left_once_all_is_reserved(amount: int | None) -> None:
    given = request_refund(paid(), TOTAL).given
    with pytest.raises(NotPossible, match="gone back"):
        request_refund(given, amount, OTHER)


@pytest.mark.parametrize("amount", [None, 1])
def test_nothing_is_left_where_more_was_given_back_by_hand_than_we_reserved(
    amount: int | None,
) -> None:
    given = request_refund(paid(), 1500).given
    apply_updates(given, refund("succeeded", amount=1000, ours=False))
    with pytest.raises(NotPossible, match="gone back"):
        request_refund(given, amount, OTHER)


def test_what_was_never_paid_cannot_be_given_back() -> None:
    unpaid = Given(
        Invoice, happened(e.InvoiceRequested), happened(e.InvoiceIssued), happened(pe.PaymentFailed)
    )
    with pytest.raises(NotPossible, match="nothing was paid"):
        request_refund(unpaid, 1)


@pytest.mark.parametrize(
    ("provider", "currency", "amount", "rule"),
    [
        ("mollie", "isk", 150, "must end in 00 in isk"),
        ("stripe", "isk", 1, "must end in 00 in isk"),
        ("stripe", "ugx", 550, "must end in 00 in ugx"),
        ("stripe", "bhd", 501, "must end in 0 in bhd"),
    ],
)
def test_a_refund_has_an_amount_that_its_provider_can_give_back(
    provider: str, currency: str, amount: int, rule: str
) -> None:
    given = Given(
        Invoice,
        happened(e.InvoiceRequested, provider=provider),
        happened(e.InvoiceIssued, currency=currency),
        happened(pe.PaymentSucceeded, amount_minor=TOTAL // 100 * 100),
    )
    with pytest.raises(NotPossible, match=rule) as refused:
        request_refund(given, amount)
    assert refused.value.path == "amountMinor"
    request_refund(given, 500).then(happened(m.RefundRequested, amount_minor=500))


@pytest.mark.parametrize("late", [False, True], ids=["at once", "after it had succeeded"])
def test_a_refund_that_fails_lifts_its_reservation(late: bool) -> None:  # noqa: FBT001 - a case
    given = request_refund(paid(), TOTAL).given
    if late:
        apply_updates(given, refund("succeeded", amount=TOTAL)).showing(amount_refunded_minor=TOTAL)
    apply_updates(given, refund("failed", amount=TOTAL)).showing(amount_refunded_minor=0)
    request_refund(given, None, OTHER).then(happened(m.RefundRequested, amount_minor=TOTAL))


def test_a_refund_that_the_provider_refuses_fails_once() -> None:
    given = request_refund(paid(), 500).given

    def refuse() -> Decided[Invoice, None]:
        return given.when(lambda i: i.fail_refund(OURS, code="c", message="m", occurred_at=NOW))

    refuse().then(happened(m.RefundFailed, refund_id=OURS, provider_refund_id=None))
    refuse().then()


def test_a_refund_that_has_succeeded_is_no_more_refused() -> None:
    given = apply_updates(request_refund(paid(), 500).given, refund("succeeded")).given
    given.when(lambda i: i.fail_refund(OURS, code="c", message="m", occurred_at=NOW)).then()


# Giving up, beside whatever else is done.


def test_a_refund_gives_up_and_is_sent_again_by_itself() -> None:
    given, step = request_refund(paid(), 500).given, f"{REFUND_STEP}{OURS}"

    def give_up() -> Decided[Invoice, None]:
        return given.when(lambda i: i.give_up(step, attempts=40, last_error="x", occurred_at=NOW))

    give_up().then(happened(e.StepGaveUp, step=step)).showing(gave_up=None)
    give_up().then()
    assert given.root.view.refunds[0].gave_up is True
    given.when(lambda i: i.resend(step, actor="operator", occurred_at=NOW)).then(
        happened(e.StepResent)
    )
    assert given.root.view.refunds[0].gave_up is False


# What is news.


def test_our_refund_is_counted_once_if_its_webhook_comes_first() -> None:
    given = request_refund(paid(), 500).given
    apply_updates(given, refund("succeeded")).then(
        happened(m.RefundSucceeded, refund_id=OURS, provider_refund_id="re_1")
    ).answering(Effect.CHANGED)
    apply_updates(given, refund("succeeded")).then().answering(Effect.CONFIRMED)
    view = given.root.view
    assert (view.amount_refunded_minor, len(view.refunds)) == (500, 1)


def test_a_refund_by_hand_is_one_of_its_own() -> None:
    given = request_refund(paid(), 500).given
    apply_updates(given, refund("succeeded", ours=False, amount=300), refund("succeeded")).showing(
        amount_refunded_minor=800
    )
    assert [entry.id for entry in given.root.view.refunds] == [str(OURS), "re_2"]


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


def shown(given: Given[Invoice]) -> tuple[str | None, int]:
    view = given.root.view
    return view.dispute_status, view.amount_disputed_minor


# No order matters.

_REFUND_ENDS: list[list[RefundState]] = [
    ["succeeded"],
    ["pending", "succeeded"],
    ["pending", "failed"],
    ["succeeded", "failed"],
    ["pending", "succeeded", "failed"],
]


@pytest.mark.parametrize("states", _REFUND_ENDS, ids="-".join)
def test_the_outcome_of_a_refund_does_not_depend_on_update_order(states: list[RefundState]) -> None:
    for order in permutations(states):
        given = request_refund(paid(), 500).given
        for state in (*order, *order):
            apply_updates(given, refund(state))
        (entry,) = given.root.view.refunds
        assert entry.status == states[-1]
        assert given.root.view.amount_refunded_minor == (500 if states[-1] == "succeeded" else 0)


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
