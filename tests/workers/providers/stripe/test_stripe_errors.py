"""Test the error class and the number of tries of each kind of failure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from domain.gateway.errors import (
    GatewayConflict,
    GatewayError,
    GatewayMisconfigured,
    GatewayRejected,
    GatewayUnavailable,
)
from tests.support.canned_server import Canned, serve_canned
from tests.support.stripe_account import Account
from workers.providers.stripe.client import (
    NETWORK_RETRIES,
    answered_at,
    call_stripe,
    json_of,
    open_client,
)
from workers.providers.stripe.gateway import StripeGateway

TRIED_AGAIN = 1 + NETWORK_RETRIES
KEY = "sk_test_notToBeSeen"


@dataclass(frozen=True)
class Case:
    """An answer, and what it means to us. `pause_s` None: the job's own back-off."""

    name: str
    status: int
    body: object
    means: type[GatewayError]
    headers: tuple[tuple[str, str], ...] = ()
    counted: bool = True
    pause_s: float | None = None
    code: str | None = None


def error(code: str | None = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"type": kind, "message": "No.", **({"code": code} if code else {})}}


def later(*, seconds: str) -> tuple[tuple[str, str], ...]:
    return (("Retry-After", seconds),)


MOVE_ON = (("Stripe-Should-Retry", "false"),)
HTML = b"<html><h1>502 Bad Gateway</h1></html>"
CASES = [
    Case("429", 429, error("rate_limit"), GatewayUnavailable, (), False, 1.0),
    Case("429, wish", 429, error(), GatewayUnavailable, later(seconds="7"), False, 7.0),
    Case("429, parts", 429, error(), GatewayUnavailable, later(seconds="0.5"), False, 0.5),
    Case("429, a day", 429, error(), GatewayUnavailable, later(seconds="86400"), False, 900.0),
    Case("429, no wish", 429, error(), GatewayUnavailable, later(seconds="soon"), False, 1.0),
    Case("400 rate", 400, error("rate_limit"), GatewayUnavailable, (), False, 1.0),
    Case("429 lock", 429, error("lock_timeout"), GatewayUnavailable, (), False, 0.5),
    Case("400 lock", 400, error("lock_timeout"), GatewayUnavailable, (), False, 0.5),
    Case("409 lock", 409, error("lock_timeout"), GatewayConflict, MOVE_ON),
    Case(
        "409 key",
        409,
        error("idempotency_key_in_use", "idempotency_error"),
        GatewayConflict,
        MOVE_ON,
    ),
    Case("409", 409, error(), GatewayConflict, MOVE_ON),
    Case("410 is final", 410, error(), GatewayRejected, code="unknown"),
    Case("422 is final", 422, error(), GatewayRejected, code="unknown"),
    Case("422 HTML", 422, HTML, GatewayUnavailable),
    Case("500", 500, error(kind="api_error"), GatewayUnavailable, MOVE_ON),
    Case("503, wish", 503, error(), GatewayUnavailable, (*MOVE_ON, *later(seconds="9")), True, 9.0),
    Case("502 HTML", 502, HTML, GatewayUnavailable),
    Case("404 HTML", 404, HTML, GatewayUnavailable),
    Case("401 HTML", 401, HTML, GatewayUnavailable),
    Case("200 HTML", 200, HTML, GatewayUnavailable),
    Case("200 empty", 200, b"", GatewayUnavailable),
    Case("200 a list", 200, [], GatewayUnavailable),
    Case("400 error is text", 400, {"error": "nope"}, GatewayUnavailable),
    Case("403 of a proxy", 403, {"message": "Forbidden"}, GatewayUnavailable),
    Case("404 is final", 404, error("resource_missing"), GatewayRejected, code="resource_missing"),
    Case(
        "400 is final", 400, error("parameter_unknown"), GatewayRejected, code="parameter_unknown"
    ),
    Case("other parameters", 400, error(kind="idempotency_error"), GatewayRejected, code="unknown"),
    Case(
        "402 is final",
        402,
        error("card_declined", "card_error"),
        GatewayRejected,
        code="card_declined",
    ),
    Case("401", 401, error(), GatewayMisconfigured),
    Case("403", 403, error(), GatewayMisconfigured),
    Case("the other mode", 200, {"id": "p", "livemode": True}, GatewayMisconfigured),
    Case(
        "the other mode in a list",
        200,
        {"object": "list", "data": [{"livemode": False}, {"livemode": True}]},
        GatewayMisconfigured,
    ),
]


@pytest.fixture(scope="module")
def canned() -> Iterator[Canned]:
    with serve_canned() as server:
        yield server


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_each_answer_raises_its_port_error(canned: Canned, case: Case, method: str) -> None:
    body = case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()
    canned.answer(case.status, body, dict(case.headers))
    gateway = StripeGateway(KEY, api_base=canned.url, mode="test")
    calls: dict[str, Callable[[], object]] = {
        "GET": lambda: gateway.find_price("price_1"),
        "POST": lambda: gateway.create_customer({"a": "b"}, contact={}, key="billhook:1"),
    }

    with pytest.raises(GatewayError) as raised:
        calls[method]()

    found = raised.value
    assert type(found) is case.means
    if isinstance(found, GatewayUnavailable):
        assert (found.counted, found.retry_after_s) == (case.counted, case.pause_s)
    if isinstance(found, GatewayRejected):
        assert found.code == case.code
    assert KEY not in str(found)
    assert len(canned.seen) == 1


def test_an_answer_without_its_time_is_rejected(canned: Canned) -> None:
    canned.answer(200, b"{}", dated=False)
    for builds_objects in (True, False):
        client = open_client(KEY, api_base=canned.url, builds_objects=builds_objects)
        answer = call_stripe(lambda client=client: client.v1.prices.retrieve("price_1"))  # type: ignore[misc]  # mypy infers no lambda with a default
        with pytest.raises(GatewayUnavailable):
            answered_at(answer)


def test_the_sdk_gets_answers_only_where_it_builds_objects_of_them(canned: Canned) -> None:
    price = {"id": "price_1", "object": "price", "currency": "eur", "livemode": False}
    canned.answer(200, json.dumps(price).encode())
    for builds_objects in (True, False):
        client = open_client(KEY, api_base=canned.url, builds_objects=builds_objects)
        answer = call_stripe(lambda client=client: client.v1.prices.retrieve("price_1"))  # type: ignore[misc]  # mypy infers no lambda with a default
        assert json_of(answer) == price
        assert getattr(answer, "id", None) == ("price_1" if builds_objects else None)


@pytest.mark.parametrize(
    ("fault", "more", "tries"),
    [
        ("refuse_before", {}, TRIED_AGAIN),
        ("lose_answer", {}, TRIED_AGAIN),
        ("status", {"status": 500}, TRIED_AGAIN),
        ("status", {"status": 409}, TRIED_AGAIN),
        ("status", {"status": 429}, 1),
    ],
    ids=["refused", "lost", "500", "409", "429"],
)
def test_a_lost_call_is_tried_once_more_under_its_key(
    account: Account, fault: str, more: dict[str, Any], tries: int
) -> None:
    account.admin.add_fault(fault, path="/v1/customers", method="POST", times=9, **more)
    account.admin.forget_requests()
    gateway = StripeGateway(account.key, api_base=account.url, mode="test")

    with pytest.raises(GatewayUnavailable):
        gateway.create_customer({}, contact={}, key="billhook:1")

    requests = account.admin.requests(method="POST", path="/v1/customers")
    assert [entry["idempotency_key"] for entry in requests] == ["billhook:1"] * tries
    account.admin.drop_faults()
    made = gateway.create_customer({}, contact={}, key="billhook:1")
    assert [customer.id for customer in account.v1.customers.list().data] == [made]


def test_a_timed_out_call_is_not_repeated_in_the_thread(account: Account) -> None:
    account.admin.set_latency(300)
    account.admin.forget_requests()
    client = open_client(account.key, api_base=account.url, timeout_s=0.1)

    with pytest.raises(GatewayUnavailable) as raised:
        call_stripe(lambda: client.v1.customers.create({}, {"idempotency_key": "billhook:1"}))

    assert raised.value.counted
    # As slow as those before it, so that all of them are in the log once it is answered.
    patient = StripeGateway(account.key, api_base=account.url)
    patient.create_customer({}, contact={}, key="billhook:2")
    requests = account.admin.requests(method="POST", path="/v1/customers")
    assert [entry["idempotency_key"] for entry in requests] == ["billhook:1", "billhook:2"]
