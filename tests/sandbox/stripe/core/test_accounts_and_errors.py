from __future__ import annotations

import uuid
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
import stripe

from sandbox.stripe.server.registry import OPERATIONS
from tests.sandbox.stripe.shop import Shop, client_of, fresh_key
from tests.support import plain_http
from tests.support.sandbox import SandboxProcess

VERSION = "2026-10-28.endive"


def raw(shop: Shop, method: str, path: str, *, data: str = "", **headers: str) -> httpx.Response:
    sent = {"Authorization": f"Bearer {shop.key}", **headers}
    sent["Content-Type"] = "application/x-www-form-urlencoded"
    url = f"{shop.url}{path}"
    return httpx.request(method, url, content=data, headers=sent, trust_env=False)


def test_each_key_is_an_account_of_its_own(sandbox: SandboxProcess, shop: Shop) -> None:
    customer = shop.customer()
    other = client_of(sandbox.url, fresh_key()).v1
    assert other.customers.list().data == []
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        other.customers.retrieve(customer.id)
    assert (refusal.value.http_status, refusal.value.code) == (404, "resource_missing")


def test_livemode_follows_the_key(sandbox: SandboxProcess) -> None:
    live = client_of(sandbox.url, f"sk_live_{uuid.uuid4().hex}").v1
    restricted = client_of(sandbox.url, f"rk_test_{uuid.uuid4().hex}").v1
    assert live.customers.create({}).livemode is True
    assert restricted.customers.create({}).livemode is False


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer nonsense", "Basic %%%", "Bearer sk_test_"]
)
def test_no_or_garbled_key_is_unauthorised(shop: Shop, header: str) -> None:
    answer = plain_http.get(f"{shop.url}/v1/customers", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_basic_authentication_carries_the_key_as_user(shop: Shop) -> None:
    answer = plain_http.get(f"{shop.url}/v1/customers", auth=(shop.key, ""))
    assert answer.status_code == 200


def test_revoked_keys_are_refused(sandbox: SandboxProcess, shop: Shop) -> None:
    revoked = client_of(sandbox.url, "sk_test_revoked_0123456789").v1
    with pytest.raises(stripe.AuthenticationError) as refusal:
        revoked.customers.list()
    assert refusal.value.error.code == "api_key_expired"
    key = fresh_key()
    shop.admin.refuse_keys(key)
    with pytest.raises(stripe.AuthenticationError):
        client_of(sandbox.url, key).v1.customers.list()
    shop.admin.refuse_keys()
    assert client_of(sandbox.url, key).v1.customers.list().data == []


@pytest.mark.parametrize(
    "operation", OPERATIONS, ids=[f"{item.method} {item.path}" for item in OPERATIONS]
)
def test_every_operation_refuses_unknown_parameters(shop: Shop, operation: Any) -> None:
    method, path = operation.method, operation.path.replace("{", "x").replace("}", "")
    query = "" if method == "POST" else "?bogus=1"
    answer = raw(shop, method, path + query, data="bogus=1" if method == "POST" else "")
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["code"], error["param"]) == ("parameter_unknown", "bogus")
    assert error["message"] == "Received unknown parameter: bogus"


@pytest.mark.parametrize(
    ("path", "data", "code", "param"),
    [
        ("/v1/invoices", "", "parameter_missing", "customer"),
        ("/v1/customers", "address[planet]=Mars", "parameter_unknown", "address[planet]"),
        ("/v1/customers", "balance=much", "parameter_invalid_integer", "balance"),
        ("/v1/invoices", "customer=", "parameter_invalid_empty", "customer"),
        ("/v1/invoices", "customer=cus_none", "resource_missing", "customer"),
        ("/v1/customers", "email=nobody", "email_invalid", "email"),
        ("/v1/prices", "currency=eur&product_data[name]=x&active=maybe", None, "active"),
        ("/v1/prices", "currency=eur&recurring[interval]=eon", None, "recurring[interval]"),
        ("/v1/invoices/in_x/add_lines", "lines=none", None, "lines"),
        (
            "/v1/invoices/in_x/add_lines",
            "lines[0][price]=price_x",
            "parameter_unknown",
            "lines[0][price]",
        ),
    ],
)
def test_ill_formed_parameters_are_named(
    shop: Shop, path: str, data: str, code: str | None, param: str
) -> None:
    answer = raw(shop, "POST", path, data=data)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["type"] == "invalid_request_error"
    assert (error.get("code"), error["param"]) == (code, param)
    assert error["request_log_url"].endswith(answer.headers["Request-Id"])


def test_parameters_that_the_sandbox_leaves_out_are_not_called_unknown(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="does not implement"):
        shop.stripe.customers.create({"test_clock": "clock_1"})


def test_unknown_urls_are_not_found(shop: Shop) -> None:
    answer = raw(shop, "GET", "/v1/unicorns")
    assert answer.status_code == 404
    assert "Unrecognized request URL (GET: /v1/unicorns)" in answer.json()["error"]["message"]


def test_other_api_versions_are_refused(shop: Shop) -> None:
    answer = raw(shop, "GET", "/v1/customers", **{"Stripe-Version": "2023-08-16"})
    assert answer.status_code == 400
    assert VERSION in answer.json()["error"]["message"]


def test_answers_carry_stripes_headers(shop: Shop) -> None:
    shop.admin.set_clock(now=1_900_000_000.0, frozen=True)
    answer = raw(shop, "POST", "/v1/customers", **{"Idempotency-Key": "k1"})
    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Original-Request"] == answer.headers["Request-Id"]
    assert answer.headers["Stripe-Version"] == VERSION
    assert answer.headers["Stripe-Should-Retry"] == "false"
    assert parsedate_to_datetime(answer.headers["Date"]).timestamp() == 1_900_000_000
    assert "Stripe-Should-Retry" not in raw(shop, "GET", "/v1/customers").headers
