"""Pages of other origins: which may call what, per app."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.service.harness import Shop
from tests.service.running_service import Service

ORIGIN = "https://tea.example"
READS = ["", "/invoices", "/payment-providers/stripe/invoices"]


@pytest.fixture
def page(shop: Shop) -> Shop:
    """A shop that lets the pages of one origin call."""
    allow(shop, ORIGIN)
    return shop


def allow(shop: Shop, *origins: str) -> None:
    shop.change(settings={"allowed_origins": list(origins)})
    shop.service.wait_for_projection("access")


def stripe_invoices(shop: Shop) -> str:
    return f"/v1/tenants/{shop.tenant_id}/stripe-invoices"


def preflight(service: Service, path: str, *, method: str, origin: str = ORIGIN) -> httpx.Response:
    headers = {"origin": origin, "access-control-request-method": method}
    return service.request("OPTIONS", path, headers=headers)


def cors(response: httpx.Response) -> Mapping[str, str]:
    return {
        name: value
        for name, value in response.headers.items()
        if name.startswith("access-control-")
    }


def test_a_page_may_send_a_token_to_the_first_dialect(service: Service, page: Shop) -> None:
    response = preflight(service, stripe_invoices(page), method="POST")
    assert response.status_code == 204
    headers_ = cors(response)
    assert headers_["access-control-allow-origin"] == ORIGIN
    assert headers_["access-control-allow-methods"] == "POST"
    allowed = headers_["access-control-allow-headers"].lower().split(", ")
    assert {"authorization", "content-type", "idempotency-key"} <= set(allowed)
    assert not {"x-api-key", "api-key"} & set(allowed)
    assert "access-control-allow-credentials" not in headers_


@pytest.mark.parametrize("path", READS)
def test_a_page_may_read_what_its_tenants_token_may(
    service: Service, page: Shop, path: str
) -> None:
    url = f"{page.tenant_url}{path}"
    assert cors(preflight(service, url, method="GET"))["access-control-allow-methods"] == "GET"
    response = service.request("GET", url, headers=page.headers("read") | {"origin": ORIGIN})
    assert cors(response) == {
        "access-control-allow-origin": ORIGIN,
        "access-control-expose-headers": "Location, X-Request-Id, Retry-After",
    }
    assert "Origin" in response.headers["vary"]


@pytest.mark.parametrize("path", READS)
def test_pages_may_not_write_where_they_may_read(service: Service, page: Shop, path: str) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert cors(preflight(service, f"{page.tenant_url}{path}", method=method)) == {}
    headers = page.headers() | {"origin": ORIGIN}
    response = service.request("PUT", page.tenant_url, json={}, headers=headers)
    assert (response.status_code, cors(response)) == (200, {})


def test_a_refusal_can_be_read_too(service: Service, page: Shop) -> None:
    for url in (f"{page.tenant_url}/invoices", f"{page.url}/invoices/{uuid4()}"):
        response = service.request("GET", url, headers={"origin": ORIGIN})
        assert response.status_code == 401
        assert cors(response)["access-control-allow-origin"] == ORIGIN
    response = service.request("POST", stripe_invoices(page), headers={"origin": ORIGIN})
    assert response.status_code == 401
    assert cors(response)["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "https://tea.example.evil"])
def test_pages_of_no_apps_origin_may_nothing(service: Service, page: Shop, origin: str) -> None:
    for path, method in ((stripe_invoices(page), "POST"), (page.tenant_url, "GET")):
        response = preflight(service, path, method=method, origin=origin)
        assert (response.status_code, cors(response)) == (204, {})
    headers = page.headers("read") | {"origin": origin}
    assert cors(service.request("GET", page.tenant_url, headers=headers)) == {}


def test_another_apps_pages_read_nothing_of_this_one(service: Service, page: Shop) -> None:
    other = Shop(service)
    allow(other, "https://other.example")
    origin = {"origin": "https://other.example"}
    assert cors(preflight(service, page.tenant_url, method="GET", **origin)) == {}
    for url, kind, method in (
        (page.tenant_url, "read", "GET"),
        (stripe_invoices(page), "write", "POST"),
    ):
        response = service.request(method, url, headers=page.headers(kind) | origin)
        assert cors(response) == {}


def test_an_unknown_app_gets_the_response_of_one_without_this_origin(
    service: Service, page: Shop, other_shop: Shop
) -> None:
    def shown(app_id: Any) -> tuple[int, Any]:
        path = f"/api/v1/apps/{app_id}/tenants/{page.tenant_id}"
        response = preflight(service, path, method="GET")
        kept = {k: v for k, v in response.headers.items() if k != "x-request-id"}
        return response.status_code, kept

    assert shown(uuid4()) == shown(other_shop.app_id) == shown("no-uuid")


@pytest.mark.parametrize(
    "path",
    ["", "/api-keys", "/payment-connections", "/tenants/{tenant}/access-tokens"],
)
def test_nothing_else_has_cors(service: Service, page: Shop, path: str) -> None:
    url = f"{page.url}{path}".format(tenant=page.tenant_id)
    response = preflight(service, url, method="GET")
    assert (response.status_code, cors(response)) == (405, {})
    headers = {"api-key": page.keys["admin"], "origin": ORIGIN}
    assert cors(service.request("GET", url, headers=headers)) == {}


@pytest.mark.parametrize(
    "path", ["/admin/api/invoices", "/stripe/invoices", "/api/v1/tenants/{tenant}/stripe-invoices"]
)
def test_no_other_dialect_has_cors(service: Service, page: Shop, path: str) -> None:
    response = preflight(service, path.format(tenant=page.tenant_id), method="POST")
    assert (response.status_code, cors(response)) == (405, {})
