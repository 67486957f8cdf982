from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop, client_of
from tests.support.sandbox import wait_for

DAY_S = 86400


def test_the_same_request_under_the_same_key_is_replayed(shop: Shop) -> None:
    first = shop.stripe.customers.create({"name": "Ada"}, {"idempotency_key": "k"})
    again = shop.stripe.customers.create({"name": "Ada"}, {"idempotency_key": "k"})
    assert again.id == first.id
    headers = again.last_response.headers
    assert headers["Idempotent-Replayed"] == "true"
    assert headers["Original-Request"] == first.last_response.headers["Request-Id"]
    assert [entry["replayed"] for entry in shop.admin.requests(method="POST")] == [False, True]


def test_another_request_under_the_same_key_is_refused(shop: Shop) -> None:
    customer = shop.stripe.customers.create({"name": "Ada"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        shop.stripe.customers.create({"name": "Eve"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        shop.stripe.customers.update(customer.id, {"name": "Ada"}, {"idempotency_key": "k"})


def test_a_decline_is_replayed_for_its_key_and_not_for_another(shop: Shop) -> None:
    invoice = shop.opened(shop.customer("pm_card_chargeCustomerFail").id)
    charges = []
    for key in ("a", "a", "b"):
        with pytest.raises(stripe.CardError) as refusal:
            shop.stripe.invoices.pay(invoice.id, {}, {"idempotency_key": key})
        charges.append(refusal.value.error.charge)
    assert charges[0] == charges[1] != charges[2]
    assert shop.stripe.invoices.retrieve(invoice.id).attempt_count == 2


def test_a_refusal_after_execution_began_is_replayed(shop: Shop) -> None:
    draft = shop.draft(shop.customer(None).id, 1000)
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.invoices.pay(draft.id, {}, {"idempotency_key": "k"})
    method = shop.stripe.payment_methods.attach("pm_card_visa", {"customer": draft.customer})
    settings = {"default_payment_method": method.id}
    shop.stripe.customers.update(str(draft.customer), {"invoice_settings": settings})
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.invoices.pay(draft.id, {}, {"idempotency_key": "k"})
    assert shop.stripe.invoices.pay(draft.id, {}, {"idempotency_key": "other"}).status == "paid"


def test_validation_errors_are_not_stored_under_the_key(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.customers.create({"bogus": "1"}, {"idempotency_key": "k"})
    assert shop.stripe.customers.create({}, {"idempotency_key": "k"}).id


@pytest.mark.parametrize(("status", "stored"), [(500, False), (429, False)])
def test_failures_before_execution_are_not_stored_under_the_key(
    shop: Shop, status: int, stored: object
) -> None:
    shop.admin.add_fault("status", status=status, stored=stored)
    with pytest.raises(stripe.StripeError):
        shop.stripe.customers.create({}, {"idempotency_key": "k"})
    assert shop.stripe.customers.create({}, {"idempotency_key": "k"}).id


def test_a_failure_during_execution_is_stored_under_the_key(shop: Shop) -> None:
    shop.admin.add_fault("status", status=500, stored=True)
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            shop.stripe.customers.create({}, {"idempotency_key": "k"})


def test_a_key_in_flight_is_refused_with_409(shop: Shop) -> None:
    shop.admin.add_fault("delay", path="/v1/customers", ms=600)
    with ThreadPoolExecutor() as threads:
        slow = threads.submit(shop.stripe.customers.create, {}, {"idempotency_key": "k"})
        wait_for(lambda: not shop.admin.faults())
        with pytest.raises(stripe.APIError) as refusal:
            shop.stripe.customers.create({}, {"idempotency_key": "k"})
        assert refusal.value.http_status == 409
        assert refusal.value.error.code == "idempotency_key_in_use"
        made = slow.result()
    assert shop.stripe.customers.create({}, {"idempotency_key": "k"}).id == made.id


def test_the_sdk_waits_a_key_in_flight_out(shop: Shop) -> None:
    patient = client_of(shop.url, shop.key, retries=3).v1
    shop.admin.add_fault("delay", path="/v1/customers", ms=300)
    with ThreadPoolExecutor() as threads:
        both = [
            threads.submit(patient.customers.create, {}, {"idempotency_key": "k"}) for _ in range(2)
        ]
        assert len({one.result().id for one in both}) == 1


def test_keys_expire_after_a_day_of_the_accounts_clock(shop: Shop) -> None:
    first = shop.stripe.customers.create({}, {"idempotency_key": "k"})
    shop.admin.set_clock(advance_s=DAY_S - 60)
    assert shop.stripe.customers.create({}, {"idempotency_key": "k"}).id == first.id
    shop.admin.set_clock(advance_s=120)
    assert shop.stripe.customers.create({}, {"idempotency_key": "k"}).id != first.id


def test_a_key_has_at_most_255_characters(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="255"):
        shop.stripe.customers.create({}, {"idempotency_key": "k" * 256})
