"""Authorise and capture, and several payments of one invoice."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe import ledger_sums
from tests.sandbox.stripe.shop import Shop

DAY_S = 86400


def held(shop: Shop, amount: int = 5000, **fields: Any) -> stripe.PaymentIntent:
    """Returns a confirmed intent of a new customer, to be captured unless said otherwise."""
    customer = shop.customer()
    method = customer.invoice_settings.default_payment_method
    given: Any = {"amount": amount, "currency": "eur", "customer": customer.id, "confirm": True}
    given |= {"capture_method": "manual", "payment_method": method, **fields}
    return shop.stripe.payment_intents.create(given)


def test_a_held_amount_is_captured_once_and_its_rest_released(shop: Shop) -> None:
    intent = held(shop)
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 5000)
    charge = shop.stripe.charges.retrieve(str(intent.latest_charge))
    assert (charge.captured, charge.amount_captured) == (False, 0)
    assert charge.payment_method_details.card.capture_before == charge.created + 7 * DAY_S
    assert shop.admin.ledger()["entries"] == []
    for wrong in (0, 5001):
        with pytest.raises(stripe.InvalidRequestError):
            shop.stripe.payment_intents.capture(intent.id, {"amount_to_capture": wrong})
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        shop.stripe.refunds.create({"payment_intent": intent.id})
    done = shop.stripe.payment_intents.capture(intent.id, {"amount_to_capture": 3000})
    assert (done.status, done.amount_received, done.amount_capturable) == ("succeeded", 3000, 0)
    with pytest.raises(stripe.InvalidRequestError, match="could not be captured"):
        shop.stripe.payment_intents.capture(intent.id)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        shop.stripe.refunds.create({"payment_intent": intent.id, "amount": 3001})
    shop.stripe.refunds.create({"payment_intent": intent.id, "amount": 1000})
    assert ledger_sums.check(shop) == 2000
    assert "payment_intent.amount_capturable_updated" in shop.event_types()


def test_a_hold_lapses_after_seven_days_or_is_canceled(shop: Shop) -> None:
    intent, other = held(shop), held(shop)
    assert shop.stripe.payment_intents.cancel(other.id).status == "canceled"
    shop.admin.set_clock(advance_s=7 * DAY_S - 5)
    assert shop.stripe.payment_intents.retrieve(intent.id).status == "requires_capture"
    shop.admin.set_clock(advance_s=10)
    lapsed = shop.stripe.payment_intents.retrieve(intent.id)
    assert (lapsed.status, lapsed.cancellation_reason) == ("canceled", "automatic")
    assert shop.admin.ledger()["totals"] == {}


def test_an_intent_alone_is_charged_or_declined(shop: Shop) -> None:
    assert held(shop, capture_method="automatic").status == "succeeded"
    customer = shop.customer("pm_card_chargeCustomerFail")
    method = customer.invoice_settings.default_payment_method
    created = shop.stripe.payment_intents.create(
        {"amount": 700, "currency": "eur", "customer": customer.id}
    )
    with pytest.raises(stripe.CardError):
        shop.stripe.payment_intents.confirm(created.id, {"payment_method": str(method)})
    after = shop.stripe.payment_intents.retrieve(created.id)
    assert after.status == "requires_payment_method"
    assert ledger_sums.check(shop) == 5000


def test_several_payments_pay_an_invoice_together(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id, 5000)
    part = shop.admin.pay_part(opened.id, 2000)["invoice"]
    assert [part[name] for name in ("status", "amount_paid", "amount_remaining")] == [
        "open", 2000, 3000,
    ]  # fmt: skip
    waits = shop.admin.pay_part(opened.id, 500, capture="manual")["payment_intent"]["id"]
    assert shop.stripe.invoices.retrieve(opened.id).amount_paid == 2000
    shop.stripe.payment_intents.capture(waits)
    assert shop.stripe.invoices.retrieve(opened.id).amount_remaining == 2500
    paid = shop.stripe.invoices.pay(opened.id, {"expand": ["payments"]})
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 5000, 0)
    assert [item.amount_paid for item in paid.payments.data] == [2500, 2000, 500]
    assert shop.admin.ledger()["by_invoice"] == {opened.id: 5000}
    assert ledger_sums.check(shop) == 5000


def test_payments_beyond_what_remains_are_credited(shop: Shop) -> None:
    customer = shop.customer()
    opened = shop.opened(customer.id, 5000)
    paid = shop.admin.pay_part(opened.id, 5100)["invoice"]
    assert (paid["status"], paid["amount_overpaid"], paid["amount_paid"]) == ("paid", 100, 5100)
    assert shop.stripe.customers.retrieve(customer.id).balance == -100


def test_a_captured_intent_is_attached_and_credited(shop: Shop) -> None:
    intent = held(shop)
    shop.stripe.payment_intents.capture(intent.id, {"amount_to_capture": 3000})
    opened = shop.opened(str(intent.customer), 4000)
    part = shop.stripe.invoices.attach_payment(opened.id, {"payment_intent": intent.id})
    assert (part.status, part.amount_paid, part.amount_remaining) == ("open", 3000, 1000)
    shop.stripe.credit_notes.create({"invoice": opened.id, "amount": 1000})
    settled = shop.stripe.invoices.retrieve(opened.id)
    assert (settled.status, settled.amount_due, settled.amount_paid) == ("paid", 3000, 3000)
    assert shop.admin.ledger()["by_invoice"] == {opened.id: 3000}


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (100_000_000, "eur", "amount_too_large"),
        (49, "eur", "amount_too_small"),
        (50_050, "isk", "invalid_charge_amount"),
        (50_050, "ugx", "invalid_charge_amount"),
        (50_001, "kwd", "invalid_charge_amount"),
    ],
)
def test_amounts_that_no_bank_takes_are_refused(
    shop: Shop, amount: int, currency: str, code: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        held(shop, amount, currency=currency)
    assert (caught.value.code, caught.value.param) == (code, "amount")


def test_refunds_keep_the_step_of_their_currency(shop: Shop) -> None:
    intent = held(shop, 100_000, currency="isk", capture_method="automatic")
    with pytest.raises(stripe.InvalidRequestError, match="multiple of 100"):
        shop.stripe.refunds.create({"payment_intent": intent.id, "amount": 50_050})
    shop.stripe.refunds.create({"payment_intent": intent.id, "amount": 50_000})
    assert shop.admin.ledger()["totals"] == {"isk": 50_000}
