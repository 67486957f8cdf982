import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.service.harness import Shop, paths
from tests.service.running_service import Service
from tests.support.wait_until import until


def read(shop: Shop, **params: Any) -> dict[str, Any]:
    response = shop.get(f"{shop.url}/events", **params)
    assert response.status_code == 200, response.text
    assert int(response.headers["x-billhook-lag-ms"]) >= 0
    document: dict[str, Any] = response.json()
    assert list(document) == ["kind", "itemsLength", "items", "position"]
    return document


def test_a_consumer_that_keeps_its_position_misses_nothing(service: Service) -> None:
    shop, other = Shop(service), Shop(service)
    posted = [shop.post(outcome) for outcome in ("paid", "declined", "paid")]
    other.post("paid")
    service.wait_for_projection("invoices")
    seen: list[dict[str, Any]] = []
    position = 0
    while (found := read(shop, after=position, limit=2))["items"]:
        seen += found["items"]
        position = found["position"]
    assert [entry["position"] for entry in seen] == sorted({entry["position"] for entry in seen})
    invoices = {response.headers["location"].split("/")[-1].split("?")[0] for response in posted}
    assert {entry["invoiceUuid"] for entry in seen if entry["invoiceUuid"]} == invoices
    assert seen[0]["type"] == "tenant.created"
    assert seen[0]["tenantUuid"] == str(shop.tenant_id)
    for invoice_id in invoices:
        timeline = shop.get(f"{shop.url}/invoices/{invoice_id}/events").json()["items"]
        own = [entry for entry in seen if entry["invoiceUuid"] == invoice_id]
        assert [e["position"] for e in own] == [e["position"] for e in timeline]
        assert [e["data"] for e in own] == [e["data"] for e in timeline]


def test_a_waiting_consumer_is_answered_when_something_happens(service: Service) -> None:
    shop, other = Shop(service), Shop(service)
    service.wait_for_projection("invoices")
    position = read(shop)["position"]
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(lambda: read(shop, after=position, wait=30))
        other.post("paid")
        assert not waiting.done()
        posted = shop.post("paid")
        found = waiting.result(timeout=60)
    assert found["items"][0]["type"] == "invoice.requested"
    assert found["items"][0]["invoiceUuid"] == posted.json()["items"][0]["id"]


def test_a_wait_without_news_ends_with_a_position_to_go_on_from(service: Service) -> None:
    shop = Shop(service)
    service.wait_for_projection("invoices")
    position = read(shop)["position"]
    found = read(shop, after=position, wait=1)
    assert found["items"] == []
    assert found["position"] >= position


def test_a_stopping_service_answers_waiting_consumers(database: str) -> None:
    with Service(database) as service:
        shop = Shop(service)
        service.wait_for_projection("invoices")
        position = read(shop)["position"]

        async def end_waits() -> None:
            await until(lambda: service.context.recording.waits._open)  # noqa: SLF001 - who waits now
            service.context.recording.waits.end_all()

        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(lambda: read(shop, after=position, wait=60))
            service.call(end_waits())
            assert waiting.result(timeout=60)["items"] == []


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"after": -1}, "after"),
        ({"after": 2**63}, "after"),
        ({"wait": 61}, "wait"),
        ({"wait": "x"}, "wait"),
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"cursor": "x"}, "cursor"),
    ],
)
def test_a_place_that_can_not_be_is_400(
    other_shop: Shop, params: dict[str, Any], path: str
) -> None:
    response = other_shop.get(f"{other_shop.url}/events", **params)
    assert (response.status_code, paths(response)) == (400, [path])


def test_only_keys_of_the_app_read_its_changes(service: Service, other_shop: Shop) -> None:
    shop = Shop(service)

    def status(headers: dict[str, str]) -> int:
        answer: httpx.Response = service.request("GET", f"{shop.url}/events", headers=headers)
        return answer.status_code

    assert status({}) == 401
    assert status(other_shop.headers("read")) == 401
    assert status(shop.headers("write")) == 401
    assert status({"api-key": shop.keys["admin"]}) == 200


def test_one_change_wakes_all_waiting_consumers(service: Service) -> None:
    shop = Shop(service)
    service.wait_for_projection("invoices")
    position = read(shop)["position"]
    url, headers = f"{shop.url}/events", shop.headers("read")
    params = {"after": position, "wait": 30}

    async def all_at_once() -> list[httpx.Response]:
        waiting = asyncio.gather(
            *(service._client.get(url, params=params, headers=headers) for _ in range(30))  # noqa: SLF001 - many on one loop
        )
        notifier = service.context.reports.changes._pool.notifier  # noqa: SLF001 - who waits now
        await until(lambda: len(notifier._app_waiters) == 30)  # noqa: SLF001 - the same
        await asyncio.to_thread(shop.set_tenant, shop.app_id)
        return await waiting

    for response in service.call(all_at_once()):
        assert [entry["type"] for entry in response.json()["items"]] == ["tenant.created"]
