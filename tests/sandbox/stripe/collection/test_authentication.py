"""Cards that want their owner: on session, off session, and on the hosted page."""

from __future__ import annotations

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop
from tests.support import plain_http

CARD = "pm_card_authenticationRequired"


def refused(shop: Shop, invoice: str, *, off_session: bool) -> stripe.CardError:
    with pytest.raises(stripe.CardError) as refusal:
        shop.stripe.invoices.pay(invoice, {"off_session": off_session})
    assert refusal.value.http_status == 402
    return refusal.value


def intent_of(shop: Shop, invoice: str) -> stripe.PaymentIntent:
    payment = shop.stripe.invoice_payments.list({"invoice": invoice}).data[0]
    return shop.stripe.payment_intents.retrieve(str(payment.payment.payment_intent))


def test_on_session_the_payment_waits_for_the_customer(shop: Shop) -> None:
    opened = shop.opened(shop.customer(CARD).id)
    error = refused(shop, opened.id, off_session=False)
    assert error.code == "invoice_payment_intent_requires_action"
    intent = intent_of(shop, opened.id)
    assert intent.status == "requires_action"
    assert intent.next_action.type == "use_stripe_sdk"
    assert shop.event_types()[-3:] == [
        "payment_intent.requires_action",
        "invoice.updated",
        "invoice.payment_action_required",
    ]


def test_an_off_session_charge_is_declined_without_authentication(shop: Shop) -> None:
    opened = shop.opened(shop.customer(CARD).id)
    error = refused(shop, opened.id, off_session=True)
    assert error.code == "authentication_required"
    assert error.error.decline_code == "authentication_required"
    intent = intent_of(shop, opened.id)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error.code == "authentication_required"
    assert shop.event_types()[-2:] == ["invoice.payment_failed", "invoice.payment_action_required"]


@pytest.mark.parametrize("off_session", [True, False])
def test_the_customer_confirms_on_the_hosted_page(
    shop: Shop,
    off_session: bool,  # noqa: FBT001 - parametrised
) -> None:
    opened = shop.opened(shop.customer(CARD).id, 1234)
    refused(shop, opened.id, off_session=off_session)
    with plain_http.client(follow_redirects=True) as browser:
        page = browser.get(str(opened.hosted_invoice_url))
        assert "12.34 EUR" in page.text
        assert 'id="confirm"' in page.text
        paid = browser.post(f"{opened.hosted_invoice_url}/confirm")
    assert "Authenticated and paid" in paid.text
    assert shop.stripe.invoices.retrieve(opened.id).status == "paid"
    assert shop.event_types()[-2:] == ["invoice.paid", "invoice.payment_succeeded"]
    assert shop.admin.ledger()["by_invoice"] == {opened.id: 1234}


def test_the_customer_fails_to_authenticate(shop: Shop) -> None:
    opened = shop.opened(shop.customer(CARD).id)
    refused(shop, opened.id, off_session=False)
    page = plain_http.post(f"{opened.hosted_invoice_url}/fail", follow_redirects=True)
    assert "nothing was charged" in page.text
    intent = intent_of(shop, opened.id)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error.code == "payment_intent_authentication_failure"
    assert shop.event_types()[-1] == "invoice.payment_failed"
    assert shop.admin.ledger()["entries"] == []


def test_the_customer_pays_with_another_card_on_the_page(shop: Shop) -> None:
    opened = shop.opened(shop.customer(None).id)
    with plain_http.client(follow_redirects=True) as browser:
        declined = browser.post(
            f"{opened.hosted_invoice_url}/pay",
            data={"payment_method": "pm_card_chargeCustomerFail"},
        )
        assert "Your card was declined." in declined.text
        paid = browser.post(
            f"{opened.hosted_invoice_url}/pay", data={"payment_method": "pm_card_visa"}
        )
        assert "Paid. Thank you." in paid.text
        again = browser.post(f"{opened.hosted_invoice_url}/confirm")
        assert "does not wait for its customer" in again.text
        assert browser.get(f"{shop.url}/stripe/i/nonsense").status_code == 404
    assert shop.stripe.invoices.retrieve(opened.id).attempt_count == 2


def test_what_the_pages_buttons_do_needs_no_browser(shop: Shop) -> None:
    customer = shop.customer(CARD).id
    first, second = shop.opened(customer), shop.opened(customer)
    refused(shop, first.id, off_session=True)
    refused(shop, second.id, off_session=False)
    assert shop.admin.confirm(first.id)["invoice"]["status"] == "paid"
    assert shop.admin.fail_authentication(second.id)["invoice"]["status"] == "open"
    with pytest.raises(RuntimeError, match="does not wait"):
        shop.admin.confirm(second.id)


def test_a_card_set_up_by_authenticating_once_pays_off_session(shop: Shop) -> None:
    customer = shop.customer("pm_card_authenticationRequiredOnSetup").id
    first = shop.opened(customer)
    refused(shop, first.id, off_session=True)
    shop.admin.confirm(first.id)
    second = shop.opened(customer)
    assert shop.stripe.invoices.pay(second.id, {"off_session": True}).status == "paid"


def test_a_card_that_is_set_up_needs_authentication_on_session_only(shop: Shop) -> None:
    customer = shop.customer("pm_card_authenticationRequiredSetupForOffSession").id
    paid = shop.stripe.invoices.pay(shop.opened(customer).id, {"off_session": True})
    assert paid.status == "paid"
    refused(shop, shop.opened(customer).id, off_session=False)


def test_authentication_does_not_fill_an_empty_account(shop: Shop) -> None:
    card = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"
    opened = shop.opened(shop.customer(card).id)
    refused(shop, opened.id, off_session=False)
    assert shop.admin.confirm(opened.id)["declined"] == "card_declined"
    assert shop.stripe.invoices.retrieve(opened.id).status == "open"


def test_a_payment_intent_is_confirmed_directly(shop: Shop) -> None:
    opened = shop.opened(shop.customer(CARD).id)
    intent = intent_of(shop, opened.id)
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        shop.stripe.payment_intents.confirm(intent.id)
    method = shop.stripe.payment_methods.list({"customer": str(opened.customer)}).data[0].id
    waiting = shop.stripe.payment_intents.confirm(intent.id, {"payment_method": method})
    assert waiting.status == "requires_action"
    shop.admin.confirm(opened.id)
    with pytest.raises(stripe.InvalidRequestError, match="already succeeded"):
        shop.stripe.payment_intents.confirm(intent.id)
