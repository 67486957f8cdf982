"""Test rate limits, and failures in the middle of a list."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop, client_of
from tests.support.sandbox import wait_for


def answered(shop: Shop) -> stripe.StripeError:
    """Returns the error that a call meets."""
    with pytest.raises(stripe.StripeError) as error:
        shop.stripe.customers.create({"name": "Ada"}, {"idempotency_key": "k"})
    return error.value


def test_a_lock_timeout_is_an_invalid_request_that_may_be_tried_again(shop: Shop) -> None:
    shop.admin.add_fault("status", status=429, code="lock_timeout")
    error = answered(shop)
    assert isinstance(error, stripe.RateLimitError)
    assert (error.http_status, error.error.code) == (429, "lock_timeout")
    assert error.error.type == "invalid_request_error"
    assert error.headers["Stripe-Should-Retry"] == "true"
    shop.admin.add_fault("status", status=429, code="lock_timeout", times=2)
    assert client_of(shop.url, shop.key, retries=2).v1.customers.create({}).id


def test_a_rate_limit_names_its_reason_and_when_to_come_back(shop: Shop) -> None:
    shop.admin.add_fault("status", status=429, reason="endpoint-rate", retry_after_s=7)
    error = answered(shop)
    assert (error.http_status, error.error.code) == (429, "rate_limit")
    assert error.headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"
    assert error.headers["Retry-After"] == "7"
    shop.admin.add_fault("status", status=429)
    bare = answered(shop)
    assert not {"Stripe-Rate-Limited-Reason", "Retry-After"} & set(bare.headers)
    assert shop.stripe.customers.list().data == []


def test_a_key_in_use_can_be_met_on_command(shop: Shop) -> None:
    shop.admin.add_fault("status", status=409, code="idempotency_key_in_use")
    error = answered(shop)
    assert (error.http_status, error.error.code, error.error.type) == (
        409,
        "idempotency_key_in_use",
        "idempotency_error",
    )


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failure_after_the_work_leaves_the_work_done(shop: Shop, status: int) -> None:
    shop.admin.add_fault("status", status=status, when="after", stored=True)
    for _ in range(2):
        assert answered(shop).http_status == status
    assert len(shop.stripe.customers.list().data) == 1
    assert shop.event_types() == ["customer.created"]


def test_a_failure_after_the_work_that_is_not_stored_allows_a_second_execution(
    shop: Shop,
) -> None:
    shop.admin.add_fault("status", status=500, when="after")
    assert answered(shop).http_status == 500
    shop.stripe.customers.create({"name": "Ada"}, {"idempotency_key": "k"})
    assert len(shop.stripe.customers.list().data) == 2


def test_a_charge_whose_answer_failed_was_made_once(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id)
    shop.admin.add_fault("status", path="/v1/invoices/*/pay", when="after", stored=True)
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            shop.stripe.invoices.pay(opened.id, {}, {"idempotency_key": "pay"})
    assert shop.stripe.invoices.retrieve(opened.id).status == "paid"
    assert shop.admin.ledger()["by_invoice"] == {opened.id: 1000}


def flood(shop: Shop, calls: int) -> list[Any]:
    """Request several lists concurrently; return the responses and errors."""

    def call(_: int) -> Any:
        try:
            return shop.stripe.customers.list()
        except stripe.RateLimitError as refusal:
            return refusal

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(call, range(calls)))


@pytest.mark.parametrize(
    ("limits", "reason"),
    [({"per_s": 5}, "global-rate"), ({"endpoint_per_s": 5}, "endpoint-rate")],
)
def test_an_account_may_be_limited(shop: Shop, limits: dict[str, int], reason: str) -> None:
    shop.admin.set_limits(**limits, retry_after_s=1)
    refused = [one for one in flood(shop, 30) if isinstance(one, stripe.RateLimitError)]
    assert refused
    assert {one.headers["Stripe-Rate-Limited-Reason"] for one in refused} == {reason}
    assert {one.headers["Retry-After"] for one in refused} == {"1"}
    assert [item["fault"] for item in shop.admin.requests()].count("rate_limit") == len(refused)
    wait_for(lambda: not isinstance(flood(shop, 1)[0], stripe.RateLimitError))
    shop.admin.set_limits()
    assert not any(isinstance(one, stripe.StripeError) for one in flood(shop, 30))


def test_a_limit_on_endpoints_leaves_the_others_alone(shop: Shop) -> None:
    shop.admin.set_limits(endpoint_per_s=1)
    flood(shop, 5)
    assert shop.stripe.products.create({"name": "Book"}).id


def test_a_refused_call_did_nothing_and_uses_no_fault_up(shop: Shop) -> None:
    shop.admin.set_limits(per_s=1)
    shop.admin.add_fault("status", status=500, skip=1)
    shop.stripe.products.create({"name": "Book"})
    assert answered(shop).http_status == 429
    assert len(shop.admin.faults()) == 1
    shop.admin.set_limits()
    assert answered(shop).http_status == 500
    assert shop.stripe.customers.list().data == []
