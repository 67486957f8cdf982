"""Refunds: what is reserved, what is news, and that no order matters."""

from itertools import permutations

import pytest

from domain.core.effects import Effect
from domain.core.errors import NotPossible
from domain.gateway.objects import (
    RefundState,
)
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from domain.invoices.invoice import Invoice
from domain.invoices.steps import REFUND_STEP
from tests.domain.event_examples import TOTAL
from tests.domain.given import Decided, Given, happened
from tests.domain.invoices.provider_updates import NOW
from tests.domain.invoices.refund_cases import (
    OTHER,
    OURS,
    apply_updates,
    paid,
    refund,
    request_refund,
)


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
