"""Every bad request has its documented status and code, and leaves nothing in the log."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.service.harness import Shop, errors, free_line, paths
from tests.service.running_service import Service

BIG = 2**63


@pytest.fixture
def untouched(service: Service, shop: Shop) -> Iterator[Shop]:
    """A shop in whose test nothing may be recorded."""
    before = service.head()
    yield shop
    assert service.head() == before


def _subscribing(*lines: dict[str, Any]) -> dict[str, Any]:
    return {"type": "subscription", "lineItems": list(lines)}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"unknown": 1}, "unknown"),
        ({"tenantUuid": None}, "tenantUuid"),
        ({"tenantUuid": "nobody"}, "tenantUuid"),
        ({"tenantUuid": str(uuid4())}, "tenantUuid"),
        ({"type": "gift"}, "type"),
        ({"type": "subscription"}, "lineItems.0.amountMinor"),
        (_subscribing({"price": "p"}, {"price": "p"}), "lineItems.1.price"),
        (_subscribing(*({"price": f"p{n}"} for n in range(21))), "lineItems"),
        ({"lineItems": []}, "lineItems"),
        ({"lineItems": [free_line()] * 300}, "lineItems"),
        ({"lineItems": "one"}, "lineItems"),
        ({"lineItems": [{"name": "x"}]}, "lineItems.0"),
        ({"lineItems": [free_line(), free_line() | {"price": "price_1"}]}, "lineItems.1"),
        ({"lineItems": [{"amountMinor": 5}]}, "lineItems.0"),
        ({"lineItems": [{"price": "price_1", "currency": "eur"}]}, "lineItems.0"),
        ({"lineItems": [free_line(-1)]}, "lineItems.0.amountMinor"),
        ({"lineItems": [free_line(100_000_000)]}, "lineItems.0.amountMinor"),
        ({"lineItems": [free_line() | {"amountMinor": 19.99}]}, "lineItems.0.amountMinor"),
        ({"lineItems": [free_line() | {"amountMinor": "1999"}]}, "lineItems.0.amountMinor"),
        ({"lineItems": [free_line() | {"amountMinor": True}]}, "lineItems.0.amountMinor"),
        ({"lineItems": [free_line() | {"quantity": 0}]}, "lineItems.0.quantity"),
        ({"lineItems": [free_line() | {"quantity": 1_000_001}]}, "lineItems.0.quantity"),
        ({"lineItems": [free_line() | {"quantity": BIG}]}, "lineItems.0.quantity"),
        ({"lineItems": [free_line() | {"currency": "xxx"}]}, "lineItems.0.currency"),
        ({"lineItems": [free_line(1001) | {"currency": "kwd"}]}, "lineItems.0"),
        ({"lineItems": [free_line(), free_line() | {"currency": "usd"}]}, "lineItems"),
        ({"lineItems": [free_line() | {"name": "a\u0000b"}]}, "lineItems.0.name"),
        ({"lineItems": [free_line() | {"name": "a\nb"}]}, "lineItems.0.name"),
        ({"lineItems": [free_line() | {"name": "a\u0085b"}]}, "lineItems.0.name"),
        ({"lineItems": [free_line() | {"name": ""}]}, "lineItems.0.name"),
        ({"lineItems": [free_line() | {"name": "x" * 256}]}, "lineItems.0.name"),
        ({"taxRateId": "txr 1"}, "taxRateId"),
        ({"paymentMethod": ""}, "paymentMethod"),
        ({"footer": "\u001b[31m"}, "footer"),
        ({"description": "x" * 1001}, "description"),
        ({"userId": 7}, "userId"),
        ({"redirectUrl": "javascript:alert(1)"}, "redirectUrl"),
        ({"test": "yes"}, "test"),
        ({"connection": "nobody"}, "connection"),
        ({"test": False}, "test"),
        ({"expectedTotalMinor": BIG}, "expectedTotalMinor"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {"a\u0000": "b"}}, "metadata.a\ufffd"),
        ({"metadata": {"a": "b\u0000"}}, "metadata.a"),
        ({"metadata": {"x" * 41: "b"}}, f"metadata.{'x' * 41}"),
        ({"metadata": {"billhook_invoice": str(uuid4())}}, "metadata.billhook_invoice"),
        ({"metadata": {"a[b": "c"}}, "metadata.a[b"),
        ({"metadata": {"a]": "c"}}, "metadata.a]"),
        ({"metadata": {str(i): "b" for i in range(41)}}, "metadata"),
    ],
)
def test_a_fault_is_400_and_names_its_field(
    untouched: Shop, changes: dict[str, Any], path: str
) -> None:
    response = untouched.post(**changes)
    assert response.status_code == 400
    assert {entry["code"] for entry in errors(response)} == {"[E4000]"}
    assert paths(response) == [path]
    assert errors(response)[0]["message"].startswith(path)


def test_all_errors_are_returned_at_once(untouched: Shop) -> None:
    response = untouched.post(
        lineItems=[free_line(), free_line(-1), {"name": "x", "price": "p", "amountMinor": 1}],
        type="gift",
        surprise=True,
        userId=None,
        metadata={"k": 1},
    )
    assert sorted(map(str, paths(response))) == [
        "lineItems.1.amountMinor",
        "lineItems.2",
        "metadata.k",
        "surprise",
        "type",
    ]


def test_a_flood_of_faults_is_answered_shortly(untouched: Shop) -> None:
    response = untouched.post("paid", headers=None, **{f"unknown{i}": 1 for i in range(4_000)})
    assert len(errors(response)) == 101
    assert errors(response)[-1]["message"] == "and 3900 more errors"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"tenantUuid": NaN}',
        b'{"name": "\xff\xfe"}',
        b'{"name": "\\ud800"}',
        b"[" * 5000,
    ],
)
def test_what_is_no_json_is_400(untouched: Shop, raw: bytes) -> None:
    response = _send(untouched, raw)
    assert (response.status_code, errors(response)[0]["code"]) == (400, "[E4000]")


@pytest.mark.parametrize("raw", [b"[]", b"1", b'"text"', b"null"])
def test_json_that_is_no_object_is_400(untouched: Shop, raw: bytes) -> None:
    assert _send(untouched, raw).status_code == 400


def test_a_body_beyond_the_limit_is_413(untouched: Shop) -> None:
    response = _send(untouched, b" " * 1024 * 1024)
    assert (response.status_code, errors(response)[0]["code"]) == (413, "[E4130]")


def test_a_body_that_hides_its_length_is_413_all_the_same(untouched: Shop) -> None:
    async def parts() -> Any:
        for _ in range(1024):
            yield b" " * 1024

    response = _send(untouched, parts())
    assert response.status_code == 413


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": ""},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
def test_another_content_type_is_415(untouched: Shop, headers: dict[str, str]) -> None:
    response = _send(untouched, b"{}", **headers)
    assert (response.status_code, errors(response)[0]["code"]) == (415, "[E4150]")


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "caf\u00e9".encode().decode("latin-1")])
def test_an_idempotency_key_that_is_none_is_400(untouched: Shop, key: str) -> None:
    response = untouched.service.request(
        "POST",
        untouched.invoices_url,
        json=untouched.body(),
        headers=[
            *untouched.headers().items(),
            ("idempotency-key", key.encode("latin-1")),
        ],
    )
    assert response.status_code == 400
    assert paths(response) == ["Idempotency-Key"]


def test_a_tenant_of_another_app_is_404_like_one_that_is_not(
    other_shop: Shop, untouched: Shop, service: Service
) -> None:
    responses = []
    for tenant_id in (str(other_shop.tenant_id), str(uuid4())):
        path = untouched.invoices_url.replace(str(untouched.tenant_id), tenant_id)
        body = untouched.body(tenantUuid=tenant_id)
        responses.append(service.request("POST", path, json=body, headers=untouched.headers()))
    assert [response.status_code for response in responses] == [404, 404]
    assert responses[0].json() == responses[1].json()
    assert errors(responses[0])[0]["code"] == "[E4040]"


def test_a_provider_that_is_not_served_is_400(untouched: Shop) -> None:
    path = untouched.invoices_url.replace("stripe", "paypal")
    response = untouched.service.request(
        "POST", path, json=untouched.body(), headers=untouched.headers()
    )
    assert response.status_code == 400
    assert paths(response) == ["paymentProvider"]
    assert "one of" in errors(response)[0]["message"]


def test_a_provider_without_a_connection_is_400(untouched: Shop) -> None:
    path = untouched.invoices_url.replace("stripe", "mollie")
    response = untouched.service.request(
        "POST", path, json=untouched.body(), headers=untouched.headers()
    )
    assert (response.status_code, paths(response)) == (400, ["connection"])


def test_a_missing_default_connection_is_an_error(service: Service, shop: Shop) -> None:
    shop.change(default_connections={"stripe": "gone"})
    service.wait_for_projection("access")
    response = shop.post()
    assert response.status_code == 400
    assert paths(response) == ["connection"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/api/v1/apps", 404),
        ("DELETE", "{invoices}", 405),
        ("PATCH", "/healthz", 405),
    ],
)
def test_the_routers_own_refusals_have_the_dialects_shape(
    untouched: Shop, method: str, path: str, status: int
) -> None:
    path = path.format(invoices=untouched.invoices_url)
    response = untouched.service.request(method, path, headers=untouched.headers())
    assert response.status_code == status
    assert errors(response)[0]["code"] == f"[E{status}0]"
    assert "x-request-id" in response.headers


def test_an_unknown_method_is_405_with_the_allowed_ones(shop: Shop) -> None:
    response = shop.service.request("DELETE", shop.invoices_url, headers=shop.headers())
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    replay = f"{shop.url}/webhook-deliveries/replay"
    response = shop.service.request("GET", replay, headers=shop.headers("read"))
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    head = shop.service.request("HEAD", shop.invoices_url, headers=shop.headers("read"))
    assert (head.status_code, head.headers["content-type"]) == (200, "application/json")


def test_a_bug_is_500_without_its_details(service_database: str) -> None:
    with Service(service_database) as broken:
        shop = Shop(broken)

        async def explode(*_: object, **__: object) -> None:
            raise RuntimeError("the password is 1234")

        broken.context.tenants.known_tenants.require = explode  # type: ignore[method-assign]
        response = shop.post()
    assert response.status_code == 500
    assert errors(response) == [
        {"validation": "error", "code": "[E0000]", "message": "Internal Server Error"}
    ]
    assert "x-request-id" in response.headers


def _send(shop: Shop, content: Any, **headers: str) -> Any:
    return shop.service.request(
        "POST",
        shop.invoices_url,
        content=content,
        headers=shop.headers() | {"content-type": "application/json"} | headers,
    )
