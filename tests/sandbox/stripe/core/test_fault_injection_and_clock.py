from __future__ import annotations

import time

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop, client_of

PAY = "/v1/invoices/*/pay"


def test_a_lost_answer_was_executed_and_a_retry_finds_it(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id)
    shop.admin.add_fault("lose_answer", path=PAY, method="POST")
    with pytest.raises(stripe.APIConnectionError):
        shop.stripe.invoices.pay(opened.id, {}, {"idempotency_key": "k"})
    assert len(shop.admin.ledger()["entries"]) == 1
    again = shop.stripe.invoices.pay(opened.id, {}, {"idempotency_key": "k"})
    assert again.status == "paid"
    assert len(shop.admin.ledger()["entries"]) == 1
    log = shop.admin.requests(path="/pay")
    assert [item["fault"] for item in log] == ["lose_answer", None]
    assert [item["replayed"] for item in log] == [False, True]


def test_a_refused_connection_did_nothing(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id)
    shop.admin.add_fault("refuse_before", path=PAY)
    with pytest.raises(stripe.APIConnectionError):
        shop.stripe.invoices.pay(opened.id)
    assert shop.admin.ledger()["entries"] == []
    assert shop.stripe.invoices.retrieve(opened.id).status == "open"
    assert [item["status"] for item in shop.admin.requests(path="/pay")] == [None]


def test_the_sdks_retries_get_through(shop: Shop) -> None:
    shop.admin.add_fault("refuse_before", times=2)
    assert client_of(shop.url, shop.key, retries=2).v1.customers.create({}).id
    assert [item["fault"] for item in shop.admin.requests()] == ["refuse_before"] * 2 + [None]


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (429, stripe.RateLimitError, "rate_limit"),
        (500, stripe.APIError, None),
        (409, stripe.APIError, "lock_timeout"),
    ],
)
def test_error_answers_on_command(
    shop: Shop, status: int, error: type[stripe.StripeError], code: str | None
) -> None:
    shop.admin.add_fault("status", status=status, method="GET")
    with pytest.raises(error) as fault:
        shop.stripe.customers.list()
    assert fault.value.http_status == status
    assert (fault.value.json_body or {})["error"].get("code") == code
    assert shop.stripe.customers.list().data == []


def test_faults_match_method_and_path_skip_and_end(shop: Shop) -> None:
    shop.admin.add_fault("status", path="/v1/customers", method="POST", skip=1, times=2)
    assert shop.stripe.products.create({"name": "not matched"}).id
    assert shop.stripe.customers.create({}).id
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            shop.stripe.customers.create({})
    assert shop.admin.faults() == []
    assert shop.stripe.customers.create({}).id
    shop.admin.add_fault("status")
    shop.admin.drop_faults()
    assert shop.stripe.customers.create({}).id
    with pytest.raises(RuntimeError):
        shop.admin.add_fault("flood")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_delay_can_outlast_the_caller(shop: Shop, when: str) -> None:
    hasty = client_of(shop.url, shop.key, timeout_s=0.2).v1
    shop.admin.add_fault("delay", ms=400, when=when, path="/v1/customers")
    with pytest.raises(stripe.APIConnectionError):
        hasty.customers.create({"name": "Ada"}, {"idempotency_key": "k"})
    patient = client_of(shop.url, shop.key, retries=3).v1
    made = patient.customers.create({"name": "Ada"}, {"idempotency_key": "k"})
    assert [item.id for item in shop.stripe.customers.list().data] == [made.id]


def test_latency_holds_for_every_call(shop: Shop) -> None:
    shop.admin.set_latency(120)
    started_at = time.monotonic()
    shop.stripe.customers.create({})
    shop.stripe.customers.list()
    assert time.monotonic() - started_at >= 0.24
    shop.admin.set_latency(0)


def test_the_clock_is_set_advanced_and_frozen(shop: Shop) -> None:
    assert abs(shop.admin.clock()["now"] - time.time()) < 5
    assert shop.admin.set_clock(advance_s=3600)["offset_s"] == pytest.approx(3600, abs=1)
    assert abs(shop.stripe.customers.create({}).created - time.time() - 3600) < 5
    frozen = shop.admin.set_clock(now=1_900_000_000, frozen=True)
    assert (frozen["now"], frozen["frozen"]) == (1_900_000_000, True)
    assert shop.stripe.customers.create({}).created == 1_900_000_000
    assert shop.admin.set_clock(frozen=False)["now"] == pytest.approx(1_900_000_000, abs=5)


def test_logged_requests_can_be_listed_and_deleted(shop: Shop) -> None:
    shop.stripe.customers.create({"name": "Ada"}, {"idempotency_key": "k"})
    entry = shop.admin.requests()[0]
    assert (entry["method"], entry["path"], entry["status"]) == ("POST", "/v1/customers", 200)
    assert (entry["idempotency_key"], entry["params"]) == ("k", {"name": "Ada"})
    shop.admin.forget_requests()
    assert shop.admin.requests() == []


def test_a_reset_empties_the_account(shop: Shop) -> None:
    shop.stripe.invoices.pay(shop.opened(shop.customer().id).id)
    shop.admin.set_latency(50)
    shop.admin.reset()
    assert shop.admin.ledger()["entries"] == []
    assert shop.stripe.customers.list().data == []
    assert shop.stripe.events.list().data == []
