import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from domain.inbox.provider_event import ProviderEvent
from eventlog.database.connect import connect
from eventlog.follow.tail import EventHeader
from tests.service.harness import Shop, errors, now, stripe_event
from tests.service.running_service import Service

Act = Callable[[ProviderEvent], None]
INVOICE = str(uuid4())


def applied(effect: str = "confirmed") -> Act:
    effects = [{"invoice": INVOICE, "effect": effect}]
    return lambda entry: entry.record_applied(effects, occurred_at=now(), actor="webhook:evt")


def parked(*, retry: bool, reason: str = "unknown invoice") -> Act:
    return lambda entry: entry.park(reason, retry=retry, occurred_at=now(), actor="webhook:evt")


def delivered(shop: Shop, *acts: Act, **event: Any) -> str:
    """Deliver an event and let these things come of it; its id here."""
    given = stripe_event(**event)
    assert shop.deliver(given).status_code == 200
    entry_id = shop.received(given["id"])[0].originator_id
    for act in acts:
        shop.billing.change(ProviderEvent, entry_id, act)
    return str(entry_id)


@contextmanager
def answering(service: Service, *acts: Act) -> Iterator[None]:
    """Answer each requested replay with these events, as a worker would."""
    tasks = []

    def on_event(header: EventHeader) -> None:
        if header.topic == "provider_event.replay_requested":
            tasks.append(asyncio.ensure_future(asyncio.to_thread(act_on, header.originator_id)))

    def act_on(entry_id: UUID) -> None:
        for act in acts:
            service.context.recording.billing.change(ProviderEvent, entry_id, act)

    async def subscribe() -> Callable[[], None]:
        return service.context.recording.tail.subscribe(on_event)

    async def finish() -> None:
        end()
        await asyncio.gather(*tasks)

    end = service.call(subscribe())
    yield
    service.call(finish())


def listed(shop: Shop, **params: Any) -> list[dict[str, Any]]:
    shop.service.wait_for_projection("deliveries")
    response = shop.get(f"{shop.url}/webhook-deliveries", **params)
    assert response.status_code == 200, response.text
    document = response.json()
    assert document["kind"] == "webhookDeliveries"
    assert document["itemsLength"] == len(document["items"])
    items: list[dict[str, Any]] = document["items"]
    return items


def shown(response: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.text
    (item,) = response.json()["items"]
    known: dict[str, Any] = item
    return known


def got(shop: Shop, delivery_id: str) -> dict[str, Any]:
    return shown(shop.get(f"{shop.url}/webhook-deliveries/{delivery_id}"))


def replay(shop: Shop, delivery_id: str, **headers: str) -> httpx.Response:
    path = f"{shop.url}/webhook-deliveries/{delivery_id}/replay"
    return shop.service.request("POST", path, headers=shop.headers(**headers))


def test_the_inbox_has_the_result_of_each_delivery(shop: Shop) -> None:
    ids = [
        delivered(shop),
        delivered(shop, applied("changed")),
        delivered(shop, parked(retry=True)),
        delivered(shop, parked(retry=False)),
    ]
    items = listed(shop)
    assert [item["id"] for item in items] == ids[::-1]
    assert [item["state"] for item in items] == ["dead", "parked", "applied", "received"]
    assert [item["reason"] for item in items] == ["unknown invoice"] * 2 + [None] * 2
    assert items[2]["effects"] == [
        {"invoiceId": INVOICE, "subscriptionId": None, "effect": "changed"}
    ]
    assert items[2]["invoiceId"] == INVOICE
    assert {item["connection"] for item in items} == {shop.connection}
    assert "connectionId" not in items[0]
    assert [item["id"] for item in listed(shop, state="dead,parked")] == ids[:1:-1]
    assert [item["id"] for item in listed(shop, state=["dead", "applied"])] == [ids[3], ids[1]]
    assert [item["id"] for item in listed(shop, invoiceId=INVOICE)] == [ids[1]]
    event_id = items[0]["providerEventId"]
    assert [item["id"] for item in listed(shop, providerEventId=event_id)] == [ids[3]]
    moment = items[1]["receivedAt"]
    both = listed(shop, receivedFrom=moment) + listed(shop, receivedTo=moment)
    assert {item["id"] for item in both} == set(ids)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "lost"),
        ("invoiceId", "in_1"),
        ("receivedFrom", "2026-01-31"),
        ("limit", "0"),
        ("status", "applied"),
    ],
    ids=str,
)
def test_what_is_no_filter_is_named(shop: Shop, name: str, value: str) -> None:
    response = shop.get(f"{shop.url}/webhook-deliveries", **{name: value})
    assert response.status_code == 400
    assert errors(response)[0]["path"].startswith(name)


def test_one_delivery_is_shown_with_all_that_happened_and_its_payload(shop: Shop) -> None:
    secret = "pi_1_secret_abc"
    delivery = delivered(
        shop, parked(retry=True), applied(), about={"client_secret": secret, "total": 7}
    )
    item = got(shop, delivery)
    assert [entry["type"].partition(".")[2] for entry in item["history"]] == [
        "received",
        "parked",
        "applied",
    ]
    assert item["history"][1] | {"position": 0, "at": ""} == {
        "position": 0,
        "type": "provider_event.parked",
        "at": "",
        "by": "webhook:evt",
        "reason": "unknown invoice",
        "retried": True,
        "effects": [],
    }
    assert item["payload"]["data"]["object"]["total"] == 7
    assert secret not in json.dumps(item)
    assert (item["timesApplied"], item["timesParked"]) == (1, 1)


def test_a_payload_that_was_erased_is_null(service: Service, shop: Shop) -> None:
    delivery = delivered(shop, applied(), about={"total": 4711})
    body = service.events(UUID(delivery))[0].body
    with connect(service.context.recording.log.dsn, application_name="test") as connection:
        connection.execute("DELETE FROM eventlog.bodies WHERE sha256 = %s", [bytes.fromhex(body)])
    assert got(shop, delivery)["payload"] is None


def test_a_replay_is_answered_with_what_came_of_it(service: Service, shop: Shop) -> None:
    delivery = delivered(shop, parked(retry=False))
    with answering(service, parked(retry=True, reason="asking"), applied("changed")):
        response = replay(shop, delivery)
    item = shown(response)
    assert (item["state"], item["reason"], item["timesReplayed"]) == ("applied", None, 1)
    assert item["effects"] == [{"invoiceId": INVOICE, "subscriptionId": None, "effect": "changed"}]
    assert int(response.headers["x-billhook-position"]) == item["position"]
    events = service.events(UUID(delivery))
    assert events[2].actor.startswith("key:")
    assert events[2].TOPIC == "provider_event.replay_requested"


def test_a_replay_that_fails_again_has_its_reason(service: Service, shop: Shop) -> None:
    delivery = delivered(shop, applied())
    with answering(service, parked(retry=False, reason="unreadable: KeyError")):
        item = shown(replay(shop, delivery))
    assert (item["state"], item["reason"]) == ("dead", "unreadable: KeyError")


def test_a_replay_nobody_waits_for_is_202_and_can_be_looked_at(shop: Shop) -> None:
    delivery = delivered(shop, applied())
    response = replay(shop, delivery, prefer="respond-async")
    assert shown(response, 202)["state"] == "received"
    assert response.headers["retry-after"] == "1"
    item = shown(shop.get(response.headers["location"]))
    assert (item["id"], item["state"], item["timesApplied"]) == (delivery, "received", 1)
    assert shown(replay(shop, delivery, prefer="wait=0"), 202)["timesReplayed"] == 2


def test_a_replay_is_done_once_per_key_and_answered_alike_for_ever(
    service: Service, shop: Shop
) -> None:
    delivery = delivered(shop, parked(retry=False))
    key = f"replay-{uuid4()}"
    path = f"{shop.url}/webhook-deliveries/{delivery}/replay"
    headers = shop.headers(idempotency_key=key)
    with answering(service, applied("changed")):
        answers = service.requests([("POST", path, {"headers": headers})] * 8)
        assert {answer.status_code for answer in answers} == {200}
        first = answers[0].json()
        assert all(answer.json() == first for answer in answers)
        assert sum("idempotent-replayed" in answer.headers for answer in answers) == 7
        assert shown(replay(shop, delivery))["timesReplayed"] == 2
    again = replay(shop, delivery, idempotency_key=key)
    assert again.json() == first
    assert again.headers["idempotent-replayed"] == "true"
    other = delivered(shop)
    assert replay(shop, other, idempotency_key=key).status_code == 422


def test_a_replay_takes_no_body_but_an_empty_one(shop: Shop) -> None:
    path = f"{shop.url}/webhook-deliveries/{delivered(shop)}/replay"
    for body, status in (({}, 202), ({"force": True}, 400)):
        headers = shop.headers(prefer="respond-async")
        response = shop.service.request("POST", path, json=body, headers=headers)
        assert response.status_code == status


def test_an_invoice_is_no_delivery(shop: Shop) -> None:
    invoice = shop.post().json()["items"][0]["id"]
    assert shop.get(f"{shop.url}/webhook-deliveries/{invoice}").status_code == 404
    assert replay(shop, invoice).status_code == 404
