"""Two payments for one invoice: the first paid one counts, the other is canceled or goes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.gateway.errors import GatewayUnavailable
from domain.gateway.objects import RefundsAndDisputes
from domain.invoices import payment_events as pe
from domain.invoices.commands import RequestRefund
from domain.invoices.refunds import parts_of_refund, refundable_minor
from domain.invoices.view import InvoiceView, Refund
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


def refund(mollie: MollieBench, invoice_id: UUID, **more: Any) -> list[Refund]:
    """Request a refund, and run its jobs: of the first part, then of those it was split into."""
    refund_id = mollie.request_action(invoice_id, RequestRefund, **more)
    mollie.refund(invoice_id, refund_id)
    for part in parts_of_refund(mollie.invoice(invoice_id).view, refund_id)[1:]:
        mollie.refund(invoice_id, UUID(part.id))
    return parts_of_refund(mollie.invoice(invoice_id).view, refund_id)


def finish(mollie: MollieBench, view: InvoiceView) -> InvoiceView:
    """Finish the refunds at Mollie, and receive the webhooks."""
    mollie.account.admin.set_clock(advance_s=7 * 24 * 3600)
    for payment_id in view.objects:
        mollie.receive_webhook(payment_id)
    return mollie.invoice(view.id).view


def returned(mollie: MollieBench, payment_ids: list[str]) -> list[str]:
    found = (mollie.account.get(payment_id) for payment_id in payment_ids)
    return [(payment.amount_refunded or {"value": "0.00"})["value"] for payment in found]


def test_a_refund_of_all_gives_back_every_payment(mollie: MollieBench) -> None:
    view = paid_twice(mollie)
    own, other = view.paid_by_object or "", view.objects[0]
    parts = refund(mollie, view.id, amount_minor=2500)
    assert [(part.payment_id, part.amount_minor) for part in parts] == [(own, 1999), (other, 501)]
    after = finish(mollie, view)
    assert [part.status for part in after.refunds] == ["succeeded", "succeeded"]
    assert (after.amount_refunded_minor, after.amount_overpaid_minor) == (1999, 1498)
    (rest,) = refund(mollie, view.id)
    assert (rest.payment_id, rest.amount_minor, rest.status) == (other, 1498, "pending")
    after = finish(mollie, view)
    assert (after.amount_refunded_minor, after.amount_overpaid_minor) == (1999, 0)
    assert (refundable_minor(after), after.refunds[-1].status) == (0, "succeeded")
    assert returned(mollie, [own, other]) == ["19.99", "19.99"]


def test_a_refund_of_a_second_payment_that_fails_counts_as_overpaid_again(
    mollie: MollieBench,
) -> None:
    view = paid_twice(mollie)
    own, other = view.paid_by_object or "", view.objects[0]
    refund(mollie, view.id)
    made = mollie.account.get(other).refunds.list()[0]
    made_id = made["id"]
    mollie.account.client.payments.get(other).refunds.delete(made_id)
    mollie.receive_webhook(other)
    after = mollie.invoice(view.id).view
    assert [part.status for part in after.refunds] == ["pending", "failed"]
    assert (after.amount_overpaid_minor, refundable_minor(after)) == (1999, 1999)
    (again,) = refund(mollie, view.id)
    assert (again.payment_id, again.amount_minor) == (other, 1999)
    assert returned(mollie, [own, other]) == ["19.99", "19.99"]


def test_a_payment_that_was_charged_back_gives_nothing_and_the_other_one_all(
    mollie: MollieBench,
) -> None:
    view = paid_twice(mollie)
    own, other = view.paid_by_object or "", view.objects[0]
    mollie.account.admin.chargeback(own)
    mollie.receive_webhook(own)
    view = mollie.invoice(view.id).view
    assert (view.amount_disputed_minor, refundable_minor(view)) == (1999, 1999)
    (part,) = refund(mollie, view.id)
    assert (part.payment_id, part.amount_minor, part.status) == (other, 1999, "pending")
    assert returned(mollie, [own, other]) == ["0.00", "19.99"]


def test_a_payment_after_the_final_state_can_be_refunded(mollie: MollieBench) -> None:
    first = mollie.charged(payment_method="ideal").view
    mollie.retry(first.id, "banktransfer")
    mollie.void(first.id)
    mollie.pay(first.provider_object_id)
    mollie.receive_webhook(first.provider_object_id)
    (part,) = refund(mollie, first.id)
    assert (part.payment_id, part.amount_minor) == (first.provider_object_id, 1999)
    after = mollie.invoice(first.id).view
    assert (after.amount_overpaid_minor, after.amount_refunded_minor) == (0, 0)


@pytest.mark.parametrize("gap_min", [0, 62])
def test_a_lost_answer_of_a_second_payment_gives_back_once(
    mollie: MollieBench, gap_min: int
) -> None:
    view = paid_twice(mollie)
    other = view.objects[0]
    refund_id = mollie.request_action(view.id, RequestRefund)
    mollie.refund(view.id, refund_id)
    part = parts_of_refund(mollie.invoice(view.id).view, refund_id)[1]
    mollie.account.admin.add_fault("lose_answer", path="/v2/payments/*", method="POST")
    with pytest.raises(GatewayUnavailable):
        mollie.refund(view.id, UUID(part.id))
    mollie.clock.added += timedelta(minutes=gap_min)
    mollie.account.admin.set_clock(advance_s=gap_min * 60)
    assert mollie.refund(view.id, UUID(part.id)).status in ("pending", "succeeded")
    assert mollie.invoice(view.id).view.amount_overpaid_minor == 0
    assert returned(mollie, [other]) == ["19.99"]


def test_a_refund_that_mollies_list_lacks_yet_is_recorded_by_its_answer(
    mollie: MollieBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = paid_twice(mollie)
    refund_id = mollie.request_action(view.id, RequestRefund)
    mollie.refund(view.id, refund_id)
    part = parts_of_refund(mollie.invoice(view.id).view, refund_id)[1]
    nothing = RefundsAndDisputes()
    monkeypatch.setattr(mollie.gateway, "fetch_refunds_and_disputes", lambda _: nothing)
    assert mollie.refund(view.id, UUID(part.id)).status == "pending"
    after = mollie.invoice(view.id).view
    assert (after.amount_overpaid_minor, refundable_minor(after)) == (0, 0)
