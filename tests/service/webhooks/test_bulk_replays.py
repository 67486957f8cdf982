from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from domain.inbox.provider_event import ProviderEvent
from tests.service.harness import Shop, errors, now, stripe_event


def dead(shop: Shop, reason: str) -> str:
    given = stripe_event()
    assert shop.deliver(given).status_code == 200
    entry_id = shop.received(given["id"])[0].originator_id
    shop.billing.change(
        ProviderEvent,
        entry_id,
        lambda entry: entry.park(reason, retry=False, occurred_at=now(), actor="t"),
    )
    return str(entry_id)


def replay(shop: Shop, body: Any, **headers: str) -> httpx.Response:
    shop.service.wait_for_projection("deliveries")
    path = f"{shop.url}/webhook-deliveries/replay"
    return shop.service.request("POST", path, json=body, headers=shop.headers(**headers))


def test_dead_letters_are_replayed_by_reason_and_time_the_oldest_first(shop: Shop) -> None:
    unknown = [dead(shop, "unknown invoice") for _ in range(3)]
    unreadable = dead(shop, "unreadable: invoice.id")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()

    answer = replay(shop, {"reason": "unknown invoice", "limit": 2, "receivedTo": tomorrow})
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"kind": "webhookReplays", "requested": 2, "remaining": 1}
    assert int(answer.headers["x-billhook-position"]) > 0

    shop.service.wait_for_projection("deliveries")
    listed = shop.get(f"{shop.url}/webhook-deliveries", state="dead").json()["items"]
    assert [one["id"] for one in listed] == [unreadable, unknown[2]]
    assert replay(shop, {"receivedFrom": tomorrow}).json()["requested"] == 0
    for moment in (0, 1.5, True, ["2026-01-01T00:00:00Z"], "2026-01-01", ""):
        refused = replay(shop, {"receivedTo": moment})
        assert refused.status_code == 400, moment
        assert errors(refused)[0]["path"] == "receivedTo"
    assert replay(shop, {"reason": "unreadable"}).json()["requested"] == 1


def test_a_repeated_request_returns_the_first_result(shop: Shop) -> None:
    dead(shop, "unknown invoice")
    first, again = (
        replay(shop, {"reason": "unknown invoice"}, idempotency_key="k") for _ in range(2)
    )
    assert (
        first.json()
        == again.json()
        == {
            "kind": "webhookReplays",
            "requested": 1,
            "remaining": 0,
        }
    )
    assert again.headers["idempotent-replayed"] == "true"


def test_the_same_request_several_times_at_once_is_carried_out_once(shop: Shop) -> None:
    several = 8
    for turn in range(3):
        letters = [dead(shop, "unknown invoice") for _ in range(5)]

        def send(key: str) -> httpx.Response:
            return replay(shop, {"reason": "unknown invoice"}, idempotency_key=key)

        with ThreadPoolExecutor(several) as pool:
            answers = list(pool.map(send, [f"turn-{turn}"] * several))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.text for answer in answers}) == 1
        for letter in letters:
            events = [type(event).__name__ for event in shop.service.events(UUID(letter))]
            assert events.count("ProviderEventReplayRequested") == 1


def test_a_replay_without_a_filter_and_with_unknown_fields_is_refused(shop: Shop) -> None:
    for body, path in (({}, "reason"), ({"limit": 5}, "reason"), ({"state": "dead"}, "state")):
        answer = replay(shop, body)
        assert answer.status_code == 400
        assert errors(answer)[0]["path"] == path
