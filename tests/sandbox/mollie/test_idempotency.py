from __future__ import annotations

import threading

import pytest
from mollie.api.error import (
    BadRequestError,
    ConflictError,
    RequestError,
    ResponseError,
    UnprocessableEntityError,
)

from tests.support import plain_http
from tests.support.mollie_account import MollieAccount, amount
from tests.support.sandbox import wait_for


def test_a_key_is_replayed_for_an_hour(
    account: MollieAccount, caplog: pytest.LogCaptureFixture
) -> None:
    first = account.pay(key="k")
    account.admin.set_clock(advance_s=3599)
    assert account.pay(key="k") == first
    assert "Idempotent-Replayed" in caplog.text
    account.admin.set_clock(advance_s=2)
    assert account.pay(key="k").id != first.id
    replayed = [item["replayed"] for item in account.admin.requests(method="POST")]
    assert replayed == [False, True, False]


def test_the_replay_shows_the_answer_as_it_was(account: MollieAccount) -> None:
    first = account.pay(key="k")
    account.admin.outcome(first.id, "paid")
    assert account.pay(key="k").status == "open"


def test_the_same_key_with_another_body_is_rejected(account: MollieAccount) -> None:
    account.pay(key="k")
    with pytest.raises(BadRequestError, match="idempotency key"):
        account.pay("11.00", key="k")
    with pytest.raises(BadRequestError, match="idempotency key"):
        account.client.customers.create({"name": "Ada"}, idempotency_key="k")


def test_keys_belong_to_an_account(account: MollieAccount) -> None:
    with MollieAccount(account.url) as other:
        assert other.pay(key="k").id != account.pay(key="k").id


def test_a_key_in_flight_is_a_conflict(account: MollieAccount) -> None:
    account.admin.add_fault("delay", ms=1500)
    slow = threading.Thread(target=account.pay, kwargs={"key": "k"})
    with MollieAccount(account.url, key=account.key) as other:
        slow.start()
        try:
            wait_for(lambda: not account.admin.faults())
            with pytest.raises(ConflictError):
                other.pay(key="k")
        finally:
            slow.join()
    assert len(account.client.payments.list()) == 1


def test_refused_parameters_leave_the_key_free(account: MollieAccount) -> None:
    with pytest.raises(UnprocessableEntityError):
        account.pay(key="k", method="cash")
    assert account.pay(key="k", method="ideal").status == "open"


def test_changes_and_deletions_heed_no_key(account: MollieAccount) -> None:
    payment = account.pay()
    for description in ("a", "b"):
        changed = account.client.payments.update(
            payment.id, {"description": description}, idempotency_key="k"
        )
        assert changed.description == description


def test_a_lost_answer_is_found_under_its_key(account: MollieAccount) -> None:
    account.admin.add_fault("lose_answer", method="POST")
    with pytest.raises(RequestError):
        account.pay(key="k")
    made = [payment.id for payment in account.client.payments.list()]
    assert [account.pay(key="k").id] == made


def test_a_request_refused_before_did_nothing(account: MollieAccount) -> None:
    account.admin.add_fault("refuse_before")
    with pytest.raises(RequestError):
        account.pay(key="k")
    assert len(account.client.payments.list()) == 0
    assert [item["status"] for item in account.admin.requests(method="POST")] == [None]


@pytest.mark.parametrize("status", [403, 429, 500, 502, 503, 504])
def test_injected_errors_are_returned_the_given_number_of_times(
    account: MollieAccount, status: int
) -> None:
    account.admin.add_fault("status", status=status, times=2, skip=1, path="/v2/payments")
    account.pay()
    for _ in range(2):
        with pytest.raises(ResponseError) as caught:
            account.pay(key="k")
        assert caught.value.status == status
    assert account.pay(key="k").status == "open"


def test_a_stored_failure_is_replayed(account: MollieAccount) -> None:
    account.admin.add_fault("status", status=500, stored=True)
    for _ in range(2):
        with pytest.raises(ResponseError):
            account.pay(key="k")
    account.admin.add_fault("status", status=500)
    account.admin.drop_faults()
    assert account.pay().status == "open"


def test_answers_are_hal_with_the_accounts_date(account: MollieAccount) -> None:
    answer = account.client.perform_http_call("GET", "payments")
    assert answer.headers["content-type"] == "application/hal+json"
    assert answer.headers["date"] == "Sun, 17 Mar 2030 17:46:40 GMT"


@pytest.mark.parametrize("header", ["", "Basic dGVzdF8=", "Bearer sk_test_0123456789", "Bearer x"])
def test_without_a_good_key_nothing_is_answered(account: MollieAccount, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    answer = plain_http.get(f"{account.url}/v2/payments", headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (401, "Unauthorized Request")
    assert answer.headers["content-type"] == "application/hal+json"


def test_keys_are_refused_on_command(account: MollieAccount) -> None:
    account.pay()
    with MollieAccount(account.url) as other:
        other.admin.refuse_keys(account.key)
        with pytest.raises(ResponseError, match="authenticate"):
            account.pay()
        other.admin.refuse_keys()
    assert account.pay().status == "open"


@pytest.mark.parametrize("body", ["{", "[]"])
def test_a_body_that_is_no_object_is_a_bad_request(account: MollieAccount, body: str) -> None:
    headers = {"Authorization": f"Bearer {account.key}", "Idempotency-Key": "k"}
    answer = plain_http.post(f"{account.url}/v2/payments", content=body, headers=headers)
    assert answer.status_code == 400


def test_queries_belong_to_reading(account: MollieAccount) -> None:
    with pytest.raises(UnprocessableEntityError, match="Non-existent query parameter"):
        account.client.payments.create({"amount": amount()}, include="details.qrCode")


def test_latency_and_reset(account: MollieAccount) -> None:
    account.admin.set_latency(1)
    account.pay()
    account.admin.reset()
    assert len(account.client.payments.list()) == 0
    assert account.admin.clock()["frozen"] is False
