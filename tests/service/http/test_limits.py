"""Limits: each refused in the envelope of the path's dialect."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from service.http.errors import BadRequest
from service.http.limits import require_shape
from tests.service.harness import Shop, errors
from tests.service.running_service import Service

SMALL: dict[str, Any] = {
    "rate_limit_per_minute": 5,
    "body_limit_bytes": 2000,
    "header_limit_bytes": 1024,
    "json_depth_limit": 4,
    "json_fields_limit": 60,
    "body_timeout_s": 0.2,
    "request_timeout_s": 1.0,
}
PATHS = {
    "002": "/api/v1/apps/{app}/tenants/{tenant}/payment-providers/stripe/invoices",
    "000": "/v1/tenants/{tenant}/stripe-invoices",
    "001": "/api/v1/tenants/{tenant}/stripe-invoices",
    "003": "/admin/api/invoices",
    "004": "/stripe/invoices?name=shop&connection_name=stripe-1",
}


@pytest.fixture(scope="module")
def small(service_database: str) -> Iterator[Service]:
    with Service(service_database, projections=False, **SMALL) as service:
        yield service


@pytest.fixture
def narrow(service: Service, small: Service) -> Shop:
    """A shop that is asked through the service with small limits."""
    shop = Shop(service)
    small.wait_for_projection("access")
    return shop


def send(small: Service, shop: Shop, dialect: str = "002", **options: Any) -> httpx.Response:
    path = PATHS[dialect].format(app=shop.app_id, tenant=shop.tenant_id)
    headers = shop.headers() if dialect != "003" else {"api-key": shop.keys["admin"]}
    given = {"content-type": "application/json"} | headers | options.pop("headers", {})
    return small.request("POST", path, headers=given, **options)


def error_of(response: httpx.Response, dialect: str) -> tuple[int, str]:
    """Return status and code from the dialect's own envelope."""
    document = response.json()
    if dialect == "002":
        return response.status_code, errors(response)[0]["code"]
    if dialect in ("000", "001"):
        assert (document["success"], document["data"]) == (False, None)
        return response.status_code, document["error"].split()[0]
    assert document["error"]["requestId"] == response.headers["x-request-id"]
    return response.status_code, document["error"]["code"]


async def forever() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.Event().wait()


def test_wrong_keys_of_a_peer_are_429_and_valid_keys_are_accepted_still(
    service_database: str, service: Service
) -> None:
    shop, other = Shop(service), Shop(service)
    with Service(service_database, projections=False, failed_lookups_per_minute=3) as guarded:
        guarded.wait_for_projection("access")

        def status(*, key: str, app: Shop = shop) -> int:
            headers = app.headers("read") | {"x-api-key": key}
            return guarded.request("GET", f"{app.url}/invoices", headers=headers).status_code

        assert status(key=shop.keys["read"]) == 200
        assert [status(key=f"wrong-{number}") for number in range(5)] == [401, 401, 401, 429, 429]
        headers = shop.headers("read") | {"x-api-key": "wrong"}
        refused = guarded.request("GET", f"{shop.url}/invoices", headers=headers)
        assert error_of(refused, "002") == (429, "[E4290]")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert status(key=shop.keys["read"]) == 200
        # Never seen before: as a wrong key, until the minute is over.
        assert status(key=other.keys["read"], app=other) == 429
        token = {"authorization": "Bearer a.b.c"}
        assert guarded.request("GET", f"{shop.tenant_url}", headers=token).status_code == 429


def test_requests_of_an_app_are_limited_over_all_its_keys(
    service_database: str, service: Service
) -> None:
    shop, other = Shop(service), Shop(service)
    with Service(service_database, projections=False, app_rate_limit_per_minute=3) as guarded:
        guarded.wait_for_projection("access")
        read, admin = shop.headers("read"), {"api-key": shop.keys["admin"]}
        statuses = [
            guarded.request("GET", f"{shop.url}/invoices", headers=headers).status_code
            for headers in (read, admin, read, admin, read)
        ]
        assert statuses == [200, 200, 200, 429, 429]
        answer = guarded.request("GET", f"{other.url}/invoices", headers=other.headers("read"))
        assert answer.status_code == 200


@pytest.mark.parametrize("dialect", list(PATHS))
def test_headers_that_are_too_long_are_431(small: Service, narrow: Shop, dialect: str) -> None:
    response = send(small, narrow, dialect, headers={"x-filler": "x" * 1024})
    assert error_of(response, dialect) == (431, "[E4310]")


@pytest.mark.parametrize("dialect", list(PATHS))
def test_a_body_that_is_too_long_is_refused(small: Service, narrow: Shop, dialect: str) -> None:
    response = send(small, narrow, dialect, content=b" " * 2001)
    assert error_of(response, dialect) == (400 if dialect in ("000", "001") else 413, "[E4130]")


@pytest.mark.parametrize("dialect", list(PATHS))
def test_a_body_that_never_ends_is_408(small: Service, narrow: Shop, dialect: str) -> None:
    response = send(small, narrow, dialect, content=forever())
    assert error_of(response, dialect) == (408, "[E4080]")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"a": {"b": {"c": {"d": {"e": 1}}}}}, "the body is nested deeper than 4 levels"),
        ({"lineItems": [0] * 61}, "the body has more than 60 fields"),
    ],
)
def test_json_that_is_too_deep_or_too_wide_is_refused(
    small: Service, narrow: Shop, body: Any, message: str
) -> None:
    response = send(small, narrow, json=body)
    assert (response.status_code, errors(response)[0]["message"]) == (400, message)


@pytest.mark.parametrize("dialect", list(PATHS))
def test_too_many_requests_of_a_key_are_429(small: Service, narrow: Shop, dialect: str) -> None:
    left = []
    for _ in range(5):
        response = send(small, narrow, dialect, content=b"{")
        assert response.status_code != 429
        assert response.headers["ratelimit-limit"] == "5"
        left.append(int(response.headers["ratelimit-remaining"]))
    assert left == [4, 3, 2, 1, 0]
    response = send(small, narrow, dialect, content=b"{")
    assert error_of(response, dialect) == (429, "[E4290]")
    assert response.headers["ratelimit-remaining"] == "0"
    reset_s = int(response.headers["ratelimit-reset"])
    assert 1 <= reset_s <= 60
    assert response.headers["retry-after"] == str(reset_s)


def test_each_key_has_its_own_count(small: Service, narrow: Shop) -> None:
    for _ in range(6):
        limited = send(small, narrow, content=b"{")
    assert limited.status_code == 429
    url = f"{narrow.url}/invoices"
    response = small.request("GET", url, headers=narrow.headers("read"))
    assert (response.status_code, response.headers["ratelimit-remaining"]) == (200, "4")


def test_an_unknown_caller_gets_no_rate_limit_headers(small: Service, narrow: Shop) -> None:
    response = send(small, narrow, headers={"x-api-key": "bh_write_unknown"})
    assert response.status_code == 401
    assert "ratelimit-limit" not in response.headers


def test_an_answer_that_does_not_begin_in_time_is_503(small: Service, narrow: Shop) -> None:
    response = send(small, narrow, headers={"prefer": "wait=60"}, json=narrow.body("never"))
    assert error_of(response, "002") == (503, "[E5031]")
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize("deep", range(1, 5))
def test_depth_is_counted_from_the_outermost(deep: int) -> None:
    given: Any = "leaf"
    for _ in range(deep):
        given = [given]
    require_shape(given, deepest=4, most_fields=100)
    with pytest.raises(BadRequest):
        require_shape(given, deepest=deep - 1, most_fields=100)
