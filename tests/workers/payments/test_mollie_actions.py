"""Retries, voids and refunds of invoices for which payments stand."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from domain.core.errors import NotPossible
from domain.gateway.errors import GatewayUnavailable
from domain.invoices.action_events import RequestRefused
from domain.invoices.commands import (
    InvoiceCommand,
    RequestFinalize,
    RequestRefund,
    RequestRetry,
    RequestUncollectible,
    RequestVoid,
)
from tests.workers.mollie_harness import MollieBench

CANCELABLE = "banktransfer"


def states(mollie: MollieBench) -> list[str]:
    """The statuses of payments, the oldest first."""
    return [payment["status"] for payment in mollie.payments()][::-1]


def test_a_retry_is_another_payment_and_the_open_one_is_canceled(mollie: MollieBench) -> None:
    before = mollie.charged(payment_method=CANCELABLE).view

    after = mollie.retry(before.id, "ideal").view

    assert states(mollie) == ["canceled", "open"]
    assert after.status == "open"
    assert after.objects == [before.provider_object_id, after.provider_object_id]
    assert after.next_action != before.next_action
    assert mollie.payments()[0]["method"] == "ideal"
    assert mollie.payments()[0]["amount"]["value"] == "19.99"


def test_a_retry_after_a_rejection_charges_the_same_amount(mollie: MollieBench) -> None:
    view = mollie.charged({"price": "odd", "quantity": 3}, tax_rate_id="added").view
    mollie.pay(view.provider_object_id, "failed")
    mollie.receive_webhook(view.provider_object_id)

    after = mollie.retry(view.id).view
    mollie.pay(after.provider_object_id)
    mollie.receive_webhook(after.provider_object_id)

    paid = mollie.invoice(view.id).view
    assert (paid.status, paid.amount_paid_minor, paid.failure) == ("paid", 1209, None)
    assert mollie.account.charged() == [1209]


def test_a_payment_that_cannot_be_canceled_still_counts_if_it_is_paid_first(
    mollie: MollieBench,
) -> None:
    first = mollie.charged(payment_method="ideal").view
    second = mollie.retry(first.id).view
    assert states(mollie) == ["open", "open"]

    mollie.pay(first.provider_object_id)
    mollie.receive_webhook(first.provider_object_id)

    view = mollie.invoice(first.id).view
    assert (view.status, view.paid_by_object) == ("paid", first.provider_object_id)
    mollie.pay(second.provider_object_id)
    mollie.receive_webhook(second.provider_object_id)
    view = mollie.invoice(first.id).view
    assert (view.amount_paid_minor, view.amount_overpaid_minor) == (1999, 1999)


def test_a_retry_of_an_invoice_paid_meanwhile_creates_nothing(mollie: MollieBench) -> None:
    view = mollie.charged().view
    mollie.request_action(view.id, RequestRetry)
    mollie.pay(view.provider_object_id)

    after = mollie.charge(view.id).view

    assert after.status == "paid"
    assert len(mollie.payments()) == 1


def test_a_retry_while_a_debit_is_under_way_creates_nothing(mollie: MollieBench) -> None:
    view = mollie.charged(payment_method=CANCELABLE).view
    mollie.pay(view.provider_object_id, "pending")

    after = mollie.retry(view.id).view

    assert (after.status, after.pending_request) == ("processing", None)
    assert states(mollie) == ["pending"]


def test_a_retry_that_the_provider_refuses_leaves_the_open_payment(mollie: MollieBench) -> None:
    view = mollie.charged(payment_method=CANCELABLE).view

    after = mollie.retry(view.id, "sorcery").view

    assert (after.status, after.in_progress) == ("open", False)
    assert after.provider_object_id == view.provider_object_id
    assert states(mollie) == ["open"]
    assert mollie.topics(view.id)[-1] == "invoice.request_refused"


def test_a_retry_whose_answer_was_lost_makes_one_payment(mollie: MollieBench) -> None:
    view = mollie.charged(payment_method=CANCELABLE).view
    mollie.request_action(view.id, RequestRetry)
    mollie.account.admin.add_fault("lose_answer", path="/v2/payments", method="POST")

    with pytest.raises(GatewayUnavailable):
        mollie.charge(view.id)
    after = mollie.charge(view.id).view

    assert states(mollie) == ["canceled", "open"]
    assert after.provider_object_id == mollie.payments()[0]["id"]


def test_a_void_cancels_the_payment(mollie: MollieBench) -> None:
    view = mollie.charged(payment_method=CANCELABLE).view

    after = mollie.void(view.id).view

    assert (after.status, states(mollie)) == ("canceled", ["canceled"])


def test_an_uncancelable_payment_is_not_void_and_the_reason_is_recorded(
    mollie: MollieBench,
) -> None:
    view = mollie.charged(payment_method="ideal").view

    after = mollie.void(view.id).view

    assert (after.status, after.in_progress) == ("open", False)
    last = mollie.invoice_events(view.id)[-1]
    assert isinstance(last, RequestRefused)
    assert (last.code, last.provider_code) == ("not_cancelable", None)


def test_a_refused_payment_has_nothing_to_cancel_and_is_void(mollie: MollieBench) -> None:
    view = mollie.charged().view
    mollie.pay(view.provider_object_id, "failed")
    mollie.receive_webhook(view.provider_object_id)

    assert mollie.void(view.id).view.status == "void"


def test_a_void_of_an_invoice_paid_meanwhile_leaves_it_paid(mollie: MollieBench) -> None:
    view = mollie.charged().view
    mollie.request_action(view.id, RequestVoid)
    mollie.pay(view.provider_object_id)

    assert mollie.charge(view.id).view.status == "paid"


@pytest.mark.parametrize(
    "kind",
    [RequestFinalize, RequestUncollectible],
    ids=["finalize", "write off"],
)
def test_actions_impossible_for_payments_are_rejected_with_the_reason(
    mollie: MollieBench, kind: type[InvoiceCommand]
) -> None:
    view = mollie.charged().view

    with pytest.raises(NotPossible, match="its provider has payments"):
        mollie.request_action(view.id, kind)


def paid(mollie: MollieBench) -> UUID:
    view = mollie.charged().view
    mollie.pay(view.provider_object_id)
    mollie.receive_webhook(view.provider_object_id)
    return view.id


def test_refunds_go_back_in_parts_until_nothing_is_left(mollie: MollieBench) -> None:
    invoice_id = paid(mollie)

    for amount in (500, 500, None):
        refund_id = mollie.request_action(invoice_id, RequestRefund, amount_minor=amount)
        assert mollie.refund(invoice_id, refund_id).status == "pending"
    with pytest.raises(NotPossible, match="all of it has gone back"):
        mollie.request_action(invoice_id, RequestRefund)

    sums = [sent["amount"]["value"] for sent in mollie.sent("/refunds")]
    assert sums == ["5.00", "5.00", "9.99"]
    mollie.account.admin.set_clock(advance_s=2 * 86_400)
    mollie.receive_webhook(mollie.invoice(invoice_id).view.provider_object_id)
    assert mollie.invoice(invoice_id).view.amount_refunded_minor == 1999


@pytest.mark.parametrize("gap_min", [0, 62, 1500])
def test_a_refund_whose_answer_was_lost_is_made_once(mollie: MollieBench, gap_min: int) -> None:
    invoice_id = paid(mollie)
    refund_id = mollie.request_action(invoice_id, RequestRefund, amount_minor=700)
    mollie.account.admin.add_fault("lose_answer", path="/v2/payments/*", method="POST")

    with pytest.raises(GatewayUnavailable):
        mollie.refund(invoice_id, refund_id)
    mollie.clock.added += timedelta(minutes=gap_min)
    mollie.account.admin.set_clock(advance_s=gap_min * 60)

    assert mollie.refund(invoice_id, refund_id).amount_minor == 700
    payment = mollie.account.get(mollie.invoice(invoice_id).view.provider_object_id or "")
    assert payment.amount_refunded == {"currency": "EUR", "value": "7.00"}


def test_a_refund_that_the_provider_refuses_lifts_its_reservation(mollie: MollieBench) -> None:
    invoice_id = paid(mollie)
    view = mollie.invoice(invoice_id).view
    mollie.account.admin.refund(view.provider_object_id or "")
    refund_id = mollie.request_action(invoice_id, RequestRefund, amount_minor=700)

    assert mollie.refund(invoice_id, refund_id).status == "failed"
