"""Keeping a payment method for later: setup intents, and Checkout in setup mode."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop
from tests.support import plain_http

DAY_S = 86400
IBAN = "DE89370400440532013000"
BACK = "https://shop.example.org/back"
DONE = "https://shop.example.org/done?session={CHECKOUT_SESSION_ID}"


def session_of(shop: Shop, customer: str | None, **fields: Any) -> stripe.checkout.Session:
    params: Any = {
        "mode": "setup",
        "currency": "eur",
        "success_url": DONE,
        "cancel_url": BACK,
        "metadata": {"tenant": "t1"},
        "setup_intent_data": {"metadata": {"tenant": "t1"}, "description": "For invoices"},
        **({"customer": customer} if customer else {}),
        **fields,
    }
    return shop.stripe.checkout.sessions.create(params)


def methods_of(shop: Shop, customer: str) -> list[str]:
    return [item.id for item in shop.stripe.customers.payment_methods.list(customer).data]


def test_a_session_waits_for_its_customer(shop: Shop) -> None:
    customer = shop.customer(None).id
    session = session_of(shop, customer)
    assert (session.mode, session.status, session.payment_status) == (
        "setup",
        "open",
        "no_payment_required",
    )
    assert session.id.startswith("cs_test_")
    assert session.expires_at == session.created + DAY_S
    assert session.metadata.to_dict() == {"tenant": "t1"}
    intent = shop.stripe.setup_intents.retrieve(str(session.setup_intent))
    assert (intent.status, intent.customer) == ("requires_payment_method", customer)
    assert (intent.metadata.to_dict(), intent.description) == ({"tenant": "t1"}, "For invoices")
    assert shop.event_types()[-1] == "setup_intent.created"
    assert [item.id for item in shop.stripe.checkout.sessions.list({"customer": customer})] == [
        session.id
    ]


@pytest.mark.parametrize("choice", ["pm_card_visa", "pm_card_authenticationRequiredOnSetup", IBAN])
def test_a_completed_session_leaves_a_method_that_can_be_charged(shop: Shop, choice: str) -> None:
    customer = shop.customer(None).id
    session = session_of(shop, customer)
    before = len(shop.event_types())
    shop.admin.complete_checkout(session.id, choice)
    assert shop.event_types()[before:] == [
        "setup_intent.succeeded",
        "payment_method.attached",
        "checkout.session.completed",
    ]
    done = shop.stripe.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent"]})
    assert (done.status, done.url) == ("complete", None)
    assert done.customer_details.email == "ada@example.org"
    method = done.setup_intent.payment_method
    assert methods_of(shop, customer) == [method]
    changed = shop.stripe.customers.update(
        customer, {"invoice_settings": {"default_payment_method": method}}
    )
    assert changed.invoice_settings.default_payment_method == method
    assert shop.event_types()[-1] == "customer.updated"
    opened = shop.opened(customer)
    paid = shop.stripe.invoices.pay(opened.id, {"off_session": True})
    assert paid.status == ("open" if choice == IBAN else "paid")
    assert shop.admin.agenda() == [] or choice == IBAN


def test_a_card_that_declines_at_once_is_not_kept_and_another_may_follow(shop: Shop) -> None:
    customer = shop.customer(None).id
    session = session_of(shop, customer)
    declined = shop.admin.complete_checkout(session.id, "pm_card_visa_chargeDeclined")
    assert (declined["declined"], declined["session"]["status"]) == ("card_declined", "open")
    assert shop.event_types()[-1] == "setup_intent.setup_failed"
    assert methods_of(shop, customer) == []
    assert shop.admin.complete_checkout(session.id)["session"]["status"] == "complete"
    assert len(methods_of(shop, customer)) == 1


def test_a_card_may_be_kept_and_decline_later(shop: Shop) -> None:
    customer = shop.customer(None).id
    session = session_of(shop, customer)
    shop.admin.complete_checkout(session.id, "pm_card_chargeCustomerFail")
    (method,) = methods_of(shop, customer)
    with pytest.raises(stripe.CardError):
        shop.stripe.invoices.pay(shop.opened(customer).id, {"payment_method": method})


def test_a_session_completes_once(shop: Shop) -> None:
    session = session_of(shop, shop.customer(None).id)
    shop.admin.complete_checkout(session.id)
    with pytest.raises(RuntimeError, match="complete"):
        shop.admin.complete_checkout(session.id)
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.checkout.sessions.expire(session.id)
    shop.admin.set_clock(advance_s=2 * DAY_S)
    assert shop.stripe.checkout.sessions.retrieve(session.id).status == "complete"


def test_a_session_expires_by_the_clock_or_by_a_call(shop: Shop) -> None:
    customer = shop.customer(None).id
    expired_by_call, waiting = session_of(shop, customer), session_of(shop, customer)
    assert shop.stripe.checkout.sessions.expire(expired_by_call.id).status == "expired"
    assert shop.event_types()[-2:] == ["setup_intent.canceled", "checkout.session.expired"]
    shop.admin.set_clock(advance_s=DAY_S + 5)
    late = shop.stripe.checkout.sessions.retrieve(waiting.id)
    assert (late.status, late.url) == ("expired", None)
    event = shop.stripe.events.list({"type": "checkout.session.expired"}).data[0]
    assert (event.data.object["id"], event.created) == (waiting.id, waiting.expires_at)


def test_without_a_customer_the_method_belongs_to_nobody(shop: Shop) -> None:
    session = session_of(shop, None, customer_email="eve@example.org")
    shop.admin.complete_checkout(session.id)
    done = shop.stripe.checkout.sessions.retrieve(session.id)
    assert done.customer_details.email == "eve@example.org"
    intent = shop.stripe.setup_intents.retrieve(
        str(session.setup_intent), {"expand": ["payment_method"]}
    )
    assert intent.payment_method.customer is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "payment"},
        {"currency": None},
        {"success_url": None},
        {"payment_method_types": ["card"]},
        {"customer": "cus_nobody"},
        {"expires_at": 1},
    ],
    ids=str,
)
def test_wrong_sessions_are_refused(shop: Shop, wrong: Any) -> None:
    fields = {"customer": shop.customer(None).id} | wrong
    with pytest.raises(stripe.InvalidRequestError):
        session_of(shop, **fields)


def test_a_person_saves_a_card_on_the_page(shop: Shop) -> None:
    customer = shop.customer(None).id
    session = session_of(shop, customer)
    url = str(session.url)
    assert url.endswith(f"/checkout/{session.id}")
    with plain_http.client() as browser:
        page = browser.get(url).text
        assert f'href="{BACK}"' in page
        refused = browser.post(
            f"{url}/complete", data={"payment_method": "pm_card_visa_chargeDeclined"}
        )
        assert "declined" in browser.get(refused.headers["location"]).text
        saved = browser.post(f"{url}/complete", data={"payment_method": "pm_card_visa"})
        assert saved.status_code == 303
        assert saved.headers["location"] == DONE.replace("{CHECKOUT_SESSION_ID}", session.id)
        assert "is saved" in browser.get(url).text
        again = browser.post(f"{url}/complete", data={"payment_method": "pm_card_visa"})
        assert "note=" in again.headers["location"]
        assert browser.get(url + "x").status_code == 404
    assert len(methods_of(shop, customer)) == 1


def test_a_setup_intent_is_confirmed_by_the_api(shop: Shop) -> None:
    customer = shop.customer(None).id
    intent = shop.stripe.setup_intents.create(
        {"customer": customer, "payment_method": "pm_card_visa", "confirm": True}
    )
    assert (intent.status, intent.usage) == ("succeeded", "off_session")
    assert methods_of(shop, customer) == [intent.payment_method]
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.setup_intents.confirm(intent.id)


def test_a_setup_intent_may_wait_for_its_customer(shop: Shop) -> None:
    customer = shop.customer(None).id
    intent = shop.stripe.setup_intents.create(
        {"customer": customer, "payment_method": "pm_card_authenticationRequiredOnSetup"}
    )
    assert intent.status == "requires_confirmation"
    waiting = shop.stripe.setup_intents.confirm(intent.id)
    assert (waiting.status, waiting.next_action.type) == ("requires_action", "use_stripe_sdk")
    assert methods_of(shop, customer) == []
    assert shop.admin.authenticate_setup(intent.id)["setup_intent"]["status"] == "succeeded"
    paid = shop.stripe.invoices.pay(
        shop.opened(customer).id,
        {"payment_method": methods_of(shop, customer)[0], "off_session": True},
    )
    assert paid.status == "paid"


def test_a_declined_setup_has_its_reason(shop: Shop) -> None:
    intent = shop.stripe.setup_intents.create({"customer": shop.customer(None).id})
    with pytest.raises(stripe.CardError) as refusal:
        shop.stripe.setup_intents.confirm(
            intent.id, {"payment_method": "pm_card_chargeDeclinedLostCard"}
        )
    assert refusal.value.error.decline_code == "lost_card"
    failed = shop.stripe.setup_intents.retrieve(intent.id)
    assert (failed.status, failed.last_setup_error.decline_code) == (
        "requires_payment_method",
        "lost_card",
    )


def test_setup_intents_are_changed_listed_and_canceled(shop: Shop) -> None:
    customer = shop.customer(None).id
    intent = shop.stripe.setup_intents.create({"customer": customer})
    changed = shop.stripe.setup_intents.update(intent.id, {"metadata": {"a": "1"}})
    assert changed.metadata.to_dict() == {"a": "1"}
    assert [item.id for item in shop.stripe.setup_intents.list({"customer": customer})] == [
        intent.id
    ]
    canceled = shop.stripe.setup_intents.cancel(intent.id, {"cancellation_reason": "duplicate"})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "duplicate")


def test_a_detached_method_is_no_longer_the_customers(shop: Shop) -> None:
    customer = shop.customer()
    (method,) = methods_of(shop, customer.id)
    shop.stripe.payment_methods.detach(method)
    assert methods_of(shop, customer.id) == []
    after = shop.stripe.customers.retrieve(customer.id)
    assert after.invoice_settings.default_payment_method is None
    assert shop.event_types()[-2:] == ["customer.updated", "payment_method.detached"]
