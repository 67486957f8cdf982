"""Methods whose bank answers days later: the money is asked for, then comes or does not."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop
from tests.support import plain_http

DAY_S = 86400
SUCCEEDS = "DE89370400440532013000"
FAILS = "DE62370400440532013001"
NO_FUNDS = "DE55370400440002222227"
DISPUTED = "DE35370400440532013002"


def debited(shop: Shop, iban: str) -> str:
    """Returns a customer whose default payment method is a debit."""
    customer = shop.customer(None).id
    details: Any = {"name": "Ada Lovelace", "email": "ada@example.org"}
    method = shop.stripe.payment_methods.create(
        {"type": "sepa_debit", "sepa_debit": {"iban": iban}, "billing_details": details}
    )
    shop.stripe.payment_methods.attach(method.id, {"customer": customer})
    settings: Any = {"default_payment_method": method.id}
    shop.stripe.customers.update(customer, {"invoice_settings": settings})
    return customer


def invoice_by_debit(shop: Shop, iban: str, **fields: Any) -> stripe.Invoice:
    """Returns an open invoice whose customer's bank was asked for the money."""
    opened = shop.opened(debited(shop, iban), **fields)
    return shop.stripe.invoices.pay(opened.id, {"off_session": True, "expand": ["payments"]})


def intent_of(shop: Shop, invoice: stripe.Invoice) -> stripe.PaymentIntent:
    payments = shop.stripe.invoice_payments.list({"invoice": invoice.id}).data
    return shop.stripe.payment_intents.retrieve(
        str(payments[0].payment.payment_intent), {"expand": ["latest_charge"]}
    )


def test_a_bank_account_is_shown_by_its_last_four(shop: Shop) -> None:
    customer = debited(shop, "DE89 3704 0044 0532 0130 00")
    method = shop.stripe.customers.payment_methods.list(customer).data[0]
    assert (method.type, method.sepa_debit.last4, method.sepa_debit.country) == (
        "sepa_debit",
        "3000",
        "DE",
    )
    assert shop.stripe.payment_methods.list({"customer": customer, "type": "card"}).data == []


@pytest.mark.parametrize("wrong", [{"sepa_debit": {"iban": "DE00"}}, {}])
def test_an_unknown_account_is_refused(shop: Shop, wrong: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.payment_methods.create({"type": "sepa_debit", **wrong})


def test_a_debit_is_submitted_and_nothing_is_paid_yet(shop: Shop) -> None:
    before = len(shop.event_types())
    invoice = invoice_by_debit(shop, SUCCEEDS)
    assert (invoice.status, invoice.attempted, invoice.attempt_count) == ("open", True, 1)
    intent = intent_of(shop, invoice)
    assert (intent.status, intent.amount_received) == ("processing", 0)
    assert (intent.latest_charge.status, intent.latest_charge.paid) == ("pending", False)
    assert shop.admin.ledger()["entries"] == []
    assert shop.event_types()[before:][-3:] == [
        "charge.pending",
        "payment_intent.processing",
        "invoice.updated",
    ]


def test_three_days_later_the_money_is_there(shop: Shop) -> None:
    invoice = invoice_by_debit(shop, SUCCEEDS)
    before = len(shop.event_types())
    shop.admin.set_clock(advance_s=3 * DAY_S - 60)
    assert intent_of(shop, invoice).status == "processing"
    shop.admin.set_clock(advance_s=120)
    paid = shop.stripe.invoices.retrieve(invoice.id)
    assert (paid.status, paid.amount_paid, paid.attempt_count) == ("paid", 1000, 1)
    intent = intent_of(shop, invoice)
    assert (intent.status, intent.amount_received) == ("succeeded", 1000)
    assert (intent.latest_charge.status, intent.latest_charge.paid) == ("succeeded", True)
    ledger = shop.admin.ledger()
    assert [(entry["amount"], entry["card"]) for entry in ledger["entries"]] == [
        (1000, "sepa_debit 3000")
    ]
    assert shop.event_types()[before:] == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]


@pytest.mark.parametrize(
    ("iban", "reason"), [(FAILS, "generic_decline"), (NO_FUNDS, "insufficient_funds")]
)
def test_three_days_later_the_bank_refuses(shop: Shop, iban: str, reason: str) -> None:
    invoice = invoice_by_debit(shop, iban)
    before = len(shop.event_types())
    shop.admin.set_clock(advance_s=3 * DAY_S + 1)
    failed = shop.stripe.invoices.retrieve(invoice.id)
    assert (failed.status, failed.amount_paid, failed.attempt_count) == ("open", 0, 1)
    intent = intent_of(shop, invoice)
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    error = intent.last_payment_error
    assert (error.code, error.decline_code) == ("payment_intent_payment_attempt_failed", reason)
    assert error.payment_method.type == "sepa_debit"
    assert (intent.latest_charge.status, intent.latest_charge.failure_code) == ("failed", reason)
    assert shop.admin.ledger()["entries"] == []
    assert shop.event_types()[before:] == [
        "charge.failed",
        "payment_intent.payment_failed",
        "invoice.payment_failed",
    ]


def test_a_second_attempt_waits_for_the_first(shop: Shop) -> None:
    invoice = invoice_by_debit(shop, SUCCEEDS)
    card = shop.stripe.payment_methods.attach("pm_card_visa", {"customer": invoice.customer})
    with pytest.raises(stripe.InvalidRequestError, match="in progress"):
        shop.stripe.invoices.pay(invoice.id, {"payment_method": card.id})
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.invoices.void_invoice(invoice.id)
    assert shop.admin.ledger()["entries"] == []


def test_after_a_failure_a_card_pays(shop: Shop) -> None:
    invoice = invoice_by_debit(shop, FAILS)
    shop.admin.settle(invoice.id)
    paid = shop.admin.pay_on_page(invoice.id)["invoice"]
    assert (paid["status"], paid["attempt_count"]) == ("paid", 2)
    assert shop.admin.ledger()["by_invoice"] == {invoice.id: 1000}


@pytest.mark.parametrize(("ending", "status"), [("succeeded", "paid"), ("failed", "open")])
def test_the_bank_can_be_made_to_answer_now(shop: Shop, ending: str, status: str) -> None:
    invoice = invoice_by_debit(shop, SUCCEEDS)
    assert shop.admin.settle(invoice.id, ending)["invoice"]["status"] == status
    assert shop.admin.agenda() == []
    with pytest.raises(RuntimeError, match="no payment in progress"):
        shop.admin.settle(invoice.id)


def test_an_advancing_invoice_is_debited_again_after_a_failure(shop: Shop) -> None:
    draft = shop.draft(debited(shop, FAILS), 1000)
    shop.stripe.invoices.update(draft.id, {"auto_advance": True})
    shop.admin.set_clock(advance_s=3600 + 3 * DAY_S + 10)
    failed = shop.stripe.invoices.retrieve(draft.id)
    assert (failed.attempt_count, failed.next_payment_attempt is None) == (1, False)
    shop.admin.set_clock(advance_s=3 * DAY_S)
    assert intent_of(shop, failed).status == "processing"
    assert shop.stripe.invoices.retrieve(draft.id).attempt_count == 2


def test_a_debit_can_be_disputed_after_it_was_paid(shop: Shop) -> None:
    invoice = invoice_by_debit(shop, DISPUTED)
    shop.admin.set_clock(advance_s=11 * DAY_S)
    assert shop.stripe.invoices.retrieve(invoice.id).status == "paid"
    disputes = shop.stripe.disputes.list().data
    assert [(item.amount, item.status) for item in disputes] == [(1000, "needs_response")]
    assert shop.admin.ledger()["totals"] == {"eur": 0}


def test_other_currencies_are_refused(shop: Shop) -> None:
    opened = shop.opened(debited(shop, SUCCEEDS), currency="usd")
    with pytest.raises(stripe.InvalidRequestError, match="currency"):
        shop.stripe.invoices.pay(opened.id)


def test_the_hosted_page_offers_a_debit_and_then_shows_it_as_processing(shop: Shop) -> None:
    opened = shop.opened(shop.customer("pm_card_chargeCustomerFail").id)
    with pytest.raises(stripe.CardError):
        shop.stripe.invoices.pay(opened.id)
    url = str(opened.hosted_invoice_url)
    with plain_http.client(follow_redirects=True) as browser:
        assert SUCCEEDS in browser.get(url).text
        page = browser.post(f"{url}/pay", data={"payment_method": SUCCEEDS}).text
        assert "bank was asked" in page
        assert 'id="pay"' not in page
        shop.admin.settle(opened.id)
        assert '<strong id="status">paid</strong>' in browser.get(url).text


@pytest.mark.parametrize(
    ("card", "declined", "status"),
    [
        ("pm_card_visa", None, "paid"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "open"),
        ("pm_card_authenticationRequired", "invoice_payment_intent_requires_action", "open"),
    ],
)
def test_another_card_after_a_failure(
    shop: Shop, card: str, declined: str | None, status: str
) -> None:
    opened = shop.opened(shop.customer("pm_card_chargeCustomerFail").id)
    with pytest.raises(stripe.CardError):
        shop.stripe.invoices.pay(opened.id)
    answer = shop.admin.pay_on_page(opened.id, card)
    assert (answer["declined"], answer["invoice"]["status"]) == (declined, status)
    assert len(shop.admin.ledger()["entries"]) == (status == "paid")
