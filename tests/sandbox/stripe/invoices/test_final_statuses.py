"""The ends of an invoice: void, given up, paid elsewhere, paid twice, or deleted as a draft."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe import ledger_sums
from tests.sandbox.stripe.collection.test_debits import SUCCEEDS, invoice_by_debit
from tests.sandbox.stripe.shop import Shop


def test_voiding_cancels_the_payment_and_is_final(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id)
    voided = shop.stripe.invoices.void_invoice(opened.id, {"expand": ["payments"]})
    assert (voided.status, voided.payments.data[0].status) == ("void", "canceled")
    assert shop.event_types()[-3:] == [
        "payment_intent.canceled",
        "invoice.updated",
        "invoice.voided",
    ]
    calls = [
        shop.stripe.invoices.pay,
        shop.stripe.invoices.void_invoice,
        shop.stripe.invoices.mark_uncollectible,
        shop.stripe.invoices.finalize_invoice,
        shop.stripe.invoices.delete,
    ]
    for call in calls:
        with pytest.raises(stripe.InvalidRequestError):
            call(opened.id)
    assert shop.admin.ledger()["entries"] == []


@pytest.mark.parametrize("status", ["draft", "paid"])
def test_only_open_invoices_are_voided_or_given_up(shop: Shop, status: str) -> None:
    invoice = shop.draft(shop.customer().id, 1000)
    if status == "paid":
        shop.stripe.invoices.pay(invoice.id)
    for call in (shop.stripe.invoices.void_invoice, shop.stripe.invoices.mark_uncollectible):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            call(invoice.id)
        assert refusal.value.http_status == 400
    assert shop.stripe.invoices.retrieve(invoice.id).status == status


def test_an_uncollectible_invoice_can_still_be_paid_or_voided(shop: Shop) -> None:
    customer = shop.customer().id
    one, other = shop.opened(customer, auto_advance=True), shop.opened(customer)
    for invoice in (one, other):
        given_up = shop.stripe.invoices.mark_uncollectible(invoice.id)
        assert (given_up.status, given_up.auto_advance) == ("uncollectible", False)
        assert given_up.status_details.uncollectible.reason == "user_forgiven"
    assert "invoice.marked_uncollectible" in shop.event_types()
    paid = shop.stripe.invoices.pay(one.id)
    assert (paid.status, paid.status_details) == ("paid", None)
    assert shop.stripe.invoices.void_invoice(other.id).status == "void"
    assert ledger_sums.check(shop) == 1000


@pytest.mark.parametrize("given_up", [False, True], ids=["open", "uncollectible"])
def test_money_from_elsewhere_is_a_payment_record(shop: Shop, given_up: bool) -> None:  # noqa: FBT001 - a parameter of the test
    opened = shop.opened(shop.customer().id)
    if given_up:
        shop.stripe.invoices.mark_uncollectible(opened.id)
    before = len(shop.event_types())
    paid = shop.stripe.invoices.pay(
        opened.id, {"paid_out_of_band": True, "expand": ["payments", "amount_paid_off_stripe"]}
    )
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 1000, 0)
    assert (paid.amount_paid_off_stripe, paid.attempt_count) == (1000, 0)
    canceled, payment = paid.payments.data
    assert (canceled.status, canceled.payment.type) == ("canceled", "payment_intent")
    assert (payment.status, payment.payment.type) == ("paid", "payment_record")
    record = shop.stripe.payment_records.retrieve(str(payment.payment.payment_record))
    assert record.amount_guaranteed.value == 1000
    assert shop.event_types()[before:] == [
        "payment_intent.canceled",
        "invoice_payment.paid",
        "invoice.updated",
        "invoice.paid",
    ]
    assert shop.admin.ledger()["entries"] == []


def test_the_dashboard_does_the_same(shop: Shop) -> None:
    customer = shop.customer().id
    one, two, three = (shop.opened(customer) for _ in range(3))
    assert shop.admin.pay_out_of_band(one.id)["status"] == "paid"
    assert shop.admin.void(two.id)["status"] == "void"
    assert shop.admin.mark_uncollectible(three.id)["status"] == "uncollectible"
    with pytest.raises(RuntimeError, match="This invoice is void"):
        shop.admin.pay_out_of_band(two.id)


def test_a_second_payment_is_credit_for_the_customer(shop: Shop) -> None:
    customer = shop.customer().id
    opened = shop.opened(customer)
    with pytest.raises(RuntimeError, match="Only a paid invoice"):
        shop.admin.overpay(opened.id)
    shop.stripe.invoices.pay(opened.id)
    before = len(shop.event_types())
    shop.admin.overpay(opened.id, amount=600)
    invoice = shop.stripe.invoices.retrieve(opened.id, {"expand": ["payments"]})
    assert (invoice.status, invoice.amount_overpaid, invoice.amount_paid) == ("paid", 600, 1600)
    assert [item.amount_paid for item in invoice.payments.data] == [1000, 600]
    assert shop.event_types()[before:] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "customer.updated",
        "invoice.updated",
        "invoice.overpaid",
    ]
    assert shop.stripe.customers.retrieve(customer).balance == -600
    assert shop.admin.ledger()["by_invoice"] == {opened.id: 1600}
    assert ledger_sums.check(shop) == 1600
    second = str(invoice.payments.data[1].payment.payment_intent)
    shop.stripe.refunds.create({"payment_intent": second})
    assert ledger_sums.check(shop) == 1000


def test_only_drafts_are_deleted(shop: Shop) -> None:
    customer = shop.customer().id
    draft, opened = shop.draft(customer, 1000), shop.opened(customer)
    assert shop.stripe.invoices.delete(draft.id).deleted
    assert shop.event_types()[-1] == "invoice.deleted"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.stripe.invoices.delete(opened.id)
    assert refusal.value.code == "invoice_not_editable"


def test_attempts_count_charges_sent_to_a_bank(shop: Shop) -> None:
    customer = shop.customer("pm_card_chargeDeclined").id
    opened = shop.opened(customer)
    for count in (1, 2):
        with pytest.raises(stripe.CardError):
            shop.stripe.invoices.pay(opened.id)
        assert shop.stripe.invoices.retrieve(opened.id).attempt_count == count
    good = shop.stripe.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    assert shop.stripe.invoices.pay(opened.id, {"payment_method": good}).attempt_count == 3
    charges = shop.stripe.charges.list({"customer": customer}).data
    assert [charge.paid for charge in charges] == [True, False, False]
    intent = str(charges[0].payment_intent)
    found = shop.stripe.charges.list({"payment_intent": intent}).data
    assert [charge.id for charge in found] == [charge.id for charge in charges]


def test_an_invoice_is_found_by_its_payment_intent(shop: Shop) -> None:
    customer = shop.customer().id
    opened = shop.opened(customer, expand=["payments"])
    intent = shop.stripe.payment_intents.list({"customer": customer}).data[0]
    shop.opened(customer)
    wanted: Any = {"payment": {"type": "payment_intent", "payment_intent": intent.id}}
    shop.stripe.invoices.pay(opened.id)
    found = shop.stripe.invoice_payments.list(wanted | {"expand": ["data.invoice"]}).data
    assert {payment.payment.payment_intent for payment in found} == {intent.id}
    assert len(found) == 1


def test_a_canceled_payment_intent_has_a_successor_when_its_invoice_is_paid(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id)
    intent = shop.stripe.payment_intents.list().data[0]
    canceled = shop.stripe.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.stripe.payment_intents.cancel(intent.id)
    assert refusal.value.code == "payment_intent_unexpected_state"
    paid = shop.stripe.invoices.pay(opened.id, {"expand": ["payments"]})
    assert [item.status for item in paid.payments.data] == ["canceled", "paid"]
    assert ledger_sums.check(shop) == 1000


def test_an_invoice_cannot_change_while_a_debit_is_processing(shop: Shop) -> None:
    invoice = invoice_by_debit(shop, SUCCEEDS).id
    intent = shop.stripe.payment_intents.list().data[0]
    calls = [
        lambda: shop.stripe.invoices.void_invoice(invoice),
        lambda: shop.stripe.invoices.pay(invoice, {"paid_out_of_band": True}),
        lambda: shop.stripe.credit_notes.create({"invoice": invoice, "amount": 100}),
        lambda: shop.stripe.payment_intents.cancel(intent.id),
        lambda: shop.stripe.refunds.create({"payment_intent": intent.id}),
    ]
    for call in calls:
        with pytest.raises(stripe.InvalidRequestError):
            call()  # type: ignore[no-untyped-call]
    assert shop.stripe.payment_intents.retrieve(intent.id).status == "processing"
    assert shop.admin.ledger()["entries"] == []
