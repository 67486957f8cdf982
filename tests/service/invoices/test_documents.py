import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from domain.gateway.errors import GatewayRejected, GatewayUnavailable
from eventlog.security.signed_links import Signer
from eventlog.security.vault import Vault
from service.invoices.documents import DOCUMENT, RETURN
from tests.service.harness import Shop, errors
from tests.service.running_service import MASTER_KEY, Service
from tests.support.provider_lookup_worker import LookupWorker, lookup_worker

FRESH = "https://pay.stripe.test/invoice/1/pdf?fresh={}"
SIGNER = Signer([MASTER_KEY])


class Provider:
    """Returns a new link at each call, because Stripe's links expire."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.error: Exception | None = None

    def find_document_url(self, object_id: str) -> str | None:
        self.fetched.append(object_id)
        if self.error is not None:
            raise self.error
        return FRESH.format(len(self.fetched))


@pytest.fixture
def provider(service_database: str) -> Iterator[Provider]:
    gateway: Any = Provider()
    with lookup_worker(service_database, gateway, vault=Vault([MASTER_KEY])):
        yield gateway


def made(shop: Shop, outcome: str = "paid") -> dict[str, Any]:
    item: dict[str, Any] = shop.post(outcome).json()["items"][0]
    return item


def opened(service: Service, url: str, **more: Any) -> httpx.Response:
    """Follow one of our links as a customer does: without any header."""
    assert url.startswith("http://127.0.0.1:8080/")
    return service.request("GET", url.removeprefix("http://127.0.0.1:8080"), **more)


def test_the_document_is_the_providers_fresh_one(shop: Shop, provider: Provider) -> None:
    item = made(shop)
    response = shop.get(f"{shop.url}/invoices/{item['id']}/document")
    assert response.status_code == 302
    assert response.headers["location"] == FRESH.format(1)
    assert response.headers["cache-control"] == "no-store"
    assert provider.fetched == ["in_1"]


def test_a_document_url_opens_without_any_header_and_sends_no_referrer(
    service: Service, shop: Shop, provider: Provider
) -> None:
    response = opened(service, made(shop)["documentUrl"])
    assert (response.status_code, response.headers["location"]) == (302, FRESH.format(1))
    assert response.headers["referrer-policy"] == "no-referrer"
    assert provider.fetched == ["in_1"]


def test_an_invoice_shows_the_same_document_url_wherever_it_is_shown(shop: Shop) -> None:
    item = made(shop)
    url = item["documentUrl"]
    shop.service.wait_for_projection("invoices")
    (single,) = shop.get(f"{shop.url}/invoices/{item['id']}").json()["items"]
    (listed,) = shop.get(f"{shop.url}/invoices").json()["items"]
    assert (single["documentUrl"], listed["documentUrl"]) == (url, url)


def test_concurrent_readers_of_one_document_share_one_provider_call(
    service: Service, shop: Shop, provider: Provider
) -> None:
    path = made(shop)["documentUrl"].removeprefix("http://127.0.0.1:8080")
    responses = service.requests([("GET", path, {}) for _ in range(20)])
    assert {response.headers["location"] for response in responses} == {FRESH.format(1)}
    assert len(provider.fetched) == 1


def test_what_is_not_issued_has_no_document(service: Service, shop: Shop) -> None:
    response = shop.service.request(
        "POST",
        shop.invoices_url,
        json=shop.body("never"),
        headers=shop.headers(prefer="respond-async"),
    )
    (item,) = response.json()["items"]
    assert item["documentUrl"] is None
    answer = shop.get(f"{shop.url}/invoices/{item['id']}/document")
    assert (answer.status_code, errors(answer)[0]["code"]) == (404, "[E4040]")
    token = SIGNER.sign(UUID(item["id"]), purpose=DOCUMENT)
    assert service.request("GET", f"/d/{token}").status_code == 404


def test_a_link_that_we_did_not_write_opens_nothing(service: Service, shop: Shop) -> None:
    item = made(shop)
    token = item["documentUrl"].rpartition("/")[2]
    stranger = Signer([Vault.new_key()]).sign(UUID(item["id"]), purpose=DOCUMENT)
    back = SIGNER.sign(UUID(item["id"]), purpose=RETURN)
    gone = SIGNER.sign(uuid4(), purpose=DOCUMENT)
    for path in (
        f"/d/{stranger}", f"/d/{back}", f"/d/{gone}", f"/d/{item['id']}", "/d/x", f"/return/{token}"
    ):  # fmt: skip
        response = service.request("GET", path)
        assert (response.status_code, errors(response)[0]["code"]) == (404, "[E4040]")


def test_another_apps_document_is_404_without_a_provider_call(
    shop: Shop, other_shop: Shop, provider: Provider
) -> None:
    item = made(other_shop)
    response = shop.get(f"{shop.url}/invoices/{item['id']}/document")
    assert response.status_code == 404
    assert provider.fetched == []


def test_an_unavailable_provider_is_503_and_called_again_the_next_time(
    service: Service, shop: Shop, provider: Provider
) -> None:
    url = made(shop)["documentUrl"]
    provider.error = GatewayUnavailable("time-out")
    response = opened(service, url)
    assert (response.status_code, errors(response)[0]["code"]) == (503, "[E5030]")
    assert int(response.headers["retry-after"]) > 0
    provider.error = None
    assert opened(service, url).status_code == 302


def test_a_document_that_the_provider_does_not_have_is_404(
    service: Service, shop: Shop, provider: Provider
) -> None:
    provider.error = GatewayRejected("No such invoice", code="resource_missing", missing=True)
    assert opened(service, made(shop)["documentUrl"]).status_code == 404


def test_without_a_worker_the_answer_is_503_with_retry_after(service_database: str) -> None:
    with Service(service_database, lookup_timeout_s=0.2) as service:
        shop = Shop(service)
        response = shop.get(f"{shop.url}/invoices/{made(shop)['id']}/document")
    assert (response.status_code, errors(response)[0]["code"]) == (504, "[E5040]")
    assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("outcome", "text", "looks_again"),
    [
        ("paid", "it is paid", False),
        ("declined", "was refused", False),
        ("requires_action", "Your bank", True),
        ("processing", "is being processed", True),
        ("open", "is not complete", True),
    ],
)
def test_the_return_page_shows_the_payments_status(
    service: Service, shop: Shop, outcome: str, text: str, *, looks_again: bool
) -> None:
    shop.post(outcome)
    shop.service.wait_for_projection("invoices")
    (item,) = shop.get(f"{shop.url}/invoices").json()["items"]
    response = opened(service, service.context.invoices.links.return_url(UUID(item["id"])))
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert text in response.text
    assert "19.99 EUR" in response.text
    assert ('http-equiv="refresh"' in response.text) == looks_again


def test_the_return_page_loads_nothing_and_names_no_other_host(
    service: Service, shop: Shop
) -> None:
    item = made(shop)
    response = opened(service, service.context.invoices.links.return_url(UUID(item["id"])))
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert set(re.findall(r"https?://[^/\"]+", response.text)) == {"http://127.0.0.1:8080"}
    assert item["documentUrl"] in response.text
    assert not re.search(r"<(script|img|link|iframe)", response.text)


def test_what_an_invoice_carries_is_shown_as_text(service: Service, shop: Shop) -> None:
    item = made(shop)
    response = opened(service, service.context.invoices.links.return_url(UUID(item["id"])))
    assert "A-1" in response.text
    assert "cus_1" not in response.text
    assert str(shop.tenant_id) not in response.text


def test_the_invoices_own_connection_is_used(
    service: Service, shop: Shop, service_database: str
) -> None:
    gateway: Any = Provider()
    worker: LookupWorker
    with lookup_worker(service_database, gateway, vault=Vault([MASTER_KEY])) as worker:
        opened(service, made(shop)["documentUrl"])
    assert (shop.app_id, shop.connection) in worker.looked_up
