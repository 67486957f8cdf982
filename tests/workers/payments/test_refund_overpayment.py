"""Two payments for one invoice: the first paid one counts, the other is canceled or goes back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.gateway.errors import GatewayUnavailable
from domain.invoices import payment_events as pe
from domain.invoices.view import InvoiceView
from projections.work.table import OpenJob
from tests.workers.mollie_harness import MollieBench
from workers.payments.actions import cancel_other_payments
from workers.queue.jobs import CANCEL_OTHER_PAYMENTS, REFUND_OVERPAYMENT
from workers.queue.reactions import changes_for


def paid_twice(mollie: MollieBench) -> InvoiceView:
    """An invoice whose first payment could not be canceled, and was paid after its second."""
    first = mollie.charged(payment_method="ideal").view
    second = mollie.retry(first.id).view
    for payment_id in (second.provider_object_id, first.provider_object_id):
        mollie.pay(payment_id)
        mollie.receive_webhook(payment_id)
    return mollie.invoice(first.id).view


def test_the_other_payment_is_canceled_once_one_is_paid(mollie: MollieBench) -> None:
    first = mollie.charged(payment_method="ideal").view
    second = mollie.retry(first.id, "banktransfer").view
    mollie.pay(first.provider_object_id)
    mollie.receive_webhook(first.provider_object_id)

    left = mollie.invoice_events(first.id)[-1]
    (row,) = changes_for(left)
    cancel_other_payments(first.id, mollie.deps())

    assert isinstance(left, pe.PaymentsLeftOver)
    assert left.object_ids == [second.provider_object_id]
    assert isinstance(row, OpenJob)
    assert row.actor == CANCEL_OTHER_PAYMENTS.name
    assert mollie.account.get(second.provider_object_id or "").status == "canceled"
    mollie.receive_webhook(second.provider_object_id)
    assert mollie.invoice(first.id).view.status == "paid"


def test_a_second_paid_one_is_listed_as_overpaid_and_kept(mollie: MollieBench) -> None:
    view = paid_twice(mollie)

    after = mollie.refund_overpayment(view.id, view.objects[0]).view

    assert (after.amount_paid_minor, after.amount_overpaid_minor) == (1999, 1999)
    assert mollie.sent("/refunds") == []


def test_an_overpayment_is_refunded_if_the_connection_is_configured_to(mollie: MollieBench) -> None:
    mollie.connect(refund_overpayments=True)
    view = paid_twice(mollie)
    unexpected = next(
        event for event in mollie.invoice_events(view.id) if isinstance(event, pe.UnexpectedPayment)
    )
    (row,) = changes_for(unexpected)

    after = mollie.refund_overpayment(view.id, view.objects[0]).view
    mollie.refund_overpayment(view.id, view.objects[0])

    assert isinstance(row, OpenJob)
    assert (row.actor, row.args["payment_id"]) == (REFUND_OVERPAYMENT.name, view.objects[0])
    assert [sent["amount"]["value"] for sent in mollie.sent("/refunds")] == ["19.99"]
    assert (after.amount_paid_minor, after.amount_overpaid_minor) == (1999, 0)
    assert after.amount_refunded_minor == 0


@pytest.mark.parametrize("gap_min", [0, 62, 1500])
def test_an_answer_that_was_lost_gives_back_once(mollie: MollieBench, gap_min: int) -> None:
    mollie.connect(refund_overpayments=True)
    view = paid_twice(mollie)
    mollie.account.admin.add_fault("lose_answer", path="/v2/payments/*", method="POST")
    with pytest.raises(GatewayUnavailable):
        mollie.refund_overpayment(view.id, view.objects[0])
    mollie.clock.added += timedelta(minutes=gap_min)
    mollie.account.admin.set_clock(advance_s=gap_min * 60)

    after = mollie.refund_overpayment(view.id, view.objects[0]).view

    assert after.amount_overpaid_minor == 0
    assert mollie.account.get(view.objects[0]).amount_refunded["value"] == "19.99"


def test_a_refund_in_the_dashboard_counts_as_given_back(mollie: MollieBench) -> None:
    view = paid_twice(mollie)
    mollie.account.admin.refund(view.objects[0], amount={"currency": "EUR", "value": "9.99"})

    mollie.receive_webhook(view.objects[0])

    after = mollie.invoice(view.id).view
    assert (after.amount_overpaid_minor, after.amount_refunded_minor) == (1000, 0)


def test_a_payment_after_the_final_state_is_an_overpayment(mollie: MollieBench) -> None:
    first = mollie.charged(payment_method="ideal").view
    mollie.retry(first.id, "banktransfer")
    mollie.void(first.id)
    mollie.pay(first.provider_object_id)

    mollie.receive_webhook(first.provider_object_id)

    after = mollie.invoice(first.id).view
    assert (after.status, after.amount_overpaid_minor) == ("canceled", 1999)
