from __future__ import annotations

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop
from tests.support import plain_http


def test_paying_charges_once_and_updates_every_object(shop: Shop) -> None:
    customer = shop.customer()
    opened = shop.opened(customer.id, 1000)
    paid = shop.stripe.invoices.pay(opened.id, {"off_session": True, "expand": ["payments"]})
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 1000, 0)
    assert (paid.attempted, paid.attempt_count) == (True, 1)
    payment = paid.payments.data[0]
    assert (payment.status, payment.amount_paid) == ("paid", 1000)
    intent = shop.stripe.payment_intents.retrieve(
        str(payment.payment.payment_intent), {"expand": ["latest_charge"]}
    )
    assert (intent.status, intent.amount_received) == ("succeeded", 1000)
    charge = shop.stripe.charges.retrieve(intent.latest_charge.id)
    assert (charge.paid, charge.amount_captured, charge.payment_intent) == (True, 1000, intent.id)
    ledger = shop.admin.ledger()
    assert [entry["charge"] for entry in ledger["entries"]] == [charge.id]
    assert ledger["totals"] == {"eur": 1000}
    assert ledger["by_customer"] == {customer.id: {"eur": 1000}}
    with pytest.raises(stripe.InvalidRequestError, match="already paid"):
        shop.stripe.invoices.pay(opened.id)
    assert shop.admin.ledger() == ledger


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
    ],
)
def test_a_decline_leaves_the_invoice_open(
    shop: Shop, card: str, code: str, decline_code: str
) -> None:
    opened = shop.opened(shop.customer(card).id)
    with pytest.raises(stripe.CardError) as refusal:
        shop.stripe.invoices.pay(opened.id, {"off_session": True})
    error = refusal.value.error
    assert refusal.value.http_status == 402
    assert (error.code, error.decline_code, error.type) == (code, decline_code, "card_error")
    intent = error.payment_intent
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error.decline_code == decline_code
    after = shop.stripe.invoices.retrieve(opened.id)
    assert (after.status, after.attempt_count, after.attempted) == ("open", 1, True)
    failed = shop.stripe.charges.list({"payment_intent": intent.id}).data[0]
    assert (failed.status, failed.id) == ("failed", error.charge)
    assert shop.admin.ledger()["entries"] == []


def test_another_card_pays_after_a_decline(shop: Shop) -> None:
    customer = shop.customer("pm_card_chargeDeclined").id
    opened = shop.opened(customer)
    with pytest.raises(stripe.CardError):
        shop.stripe.invoices.pay(opened.id)
    good = shop.stripe.payment_methods.attach("pm_card_visa", {"customer": customer})
    paid = shop.stripe.invoices.pay(opened.id, {"payment_method": good.id})
    assert (paid.status, paid.attempt_count) == ("paid", 2)
    assert len(shop.stripe.charges.list({"customer": customer}).data) == 2


def test_without_a_payment_method_nothing_is_tried(shop: Shop) -> None:
    opened = shop.opened(shop.customer(None).id)
    with pytest.raises(stripe.InvalidRequestError, match="no `default_payment_method` set") as no:
        shop.stripe.invoices.pay(opened.id)
    assert (no.value.http_status, no.value.code) == (400, "missing")
    assert shop.stripe.invoices.retrieve(opened.id).attempt_count == 0


def test_the_payment_method_is_chosen_in_stripes_order(shop: Shop) -> None:
    customer = shop.customer(None).id

    def attached(card: str) -> str:
        return shop.stripe.payment_methods.attach(card, {"customer": customer}).id

    def card_that_pays(**given: str) -> str:
        on_invoice = given.pop("default_payment_method", None)
        fields = {"default_payment_method": on_invoice} if on_invoice else {}
        opened = shop.opened(customer, **fields)
        shop.stripe.invoices.pay(opened.id, given)
        return str(shop.admin.ledger()["entries"][-1]["card"])

    shop.stripe.customers.update(customer, {"source": "tok_visa_debit"})
    assert shop.stripe.customers.retrieve(customer).default_source.startswith("card_")
    assert card_that_pays() == "visa 5556"
    settings = {"default_payment_method": attached("pm_card_mastercard")}
    shop.stripe.customers.update(customer, {"invoice_settings": settings})
    assert card_that_pays() == "mastercard 4444"
    amex, visa = attached("pm_card_amex"), attached("pm_card_visa")
    assert card_that_pays(default_payment_method=amex) == "amex 0005"
    assert card_that_pays(default_payment_method=amex, payment_method=visa) == "visa 4242"


def test_a_payment_method_of_somebody_else_is_refused(shop: Shop) -> None:
    theirs = str(shop.customer().invoice_settings.default_payment_method)
    opened = shop.opened(shop.customer().id)
    for method in (theirs, "pm_card_visa", "pm_none"):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            shop.stripe.invoices.pay(opened.id, {"payment_method": method})
        assert (refusal.value.code, refusal.value.param) == (
            "resource_missing",
            "payment_method",
        )


def test_paying_a_draft_finalises_it(shop: Shop) -> None:
    paid = shop.stripe.invoices.pay(shop.draft(shop.customer().id, 1000).id)
    assert (paid.status, bool(paid.number)) == ("paid", True)


def test_payment_out_of_band_moves_no_money(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id)
    paid = shop.stripe.invoices.pay(
        opened.id, {"paid_out_of_band": True, "expand": ["amount_paid_off_stripe"]}
    )
    assert (paid.status, paid.amount_paid_off_stripe) == ("paid", 1000)
    assert shop.admin.ledger()["entries"] == []
    types = shop.event_types()
    assert "invoice.paid" in types
    assert "invoice.payment_succeeded" not in types


def test_events_are_sent_in_stripes_order(shop: Shop) -> None:
    customer = shop.customer().id
    before = len(shop.event_types())
    draft = shop.draft(customer, 1000)
    shop.stripe.invoices.finalize_invoice(draft.id, {"auto_advance": False})
    shop.stripe.invoices.pay(draft.id, {"off_session": True})
    assert shop.event_types()[before:] == [
        "invoice.created",
        "invoiceitem.created",
        "invoice.updated",
        "payment_intent.created",
        "invoice.finalized",
        "customer.updated",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]


def test_events_of_a_decline(shop: Shop) -> None:
    opened = shop.opened(shop.customer("pm_card_chargeDeclined").id)
    with pytest.raises(stripe.CardError):
        shop.stripe.invoices.pay(opened.id)
    assert shop.event_types()[-4:] == [
        "charge.failed",
        "payment_intent.payment_failed",
        "invoice.updated",
        "invoice.payment_failed",
    ]


def test_the_invoice_is_a_real_pdf(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id)
    answer = plain_http.get(str(opened.invoice_pdf))
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-1.4")
    assert answer.content.rstrip().endswith(b"%%EOF")
    assert str(opened.number).encode() in answer.content
