"""Cancellations and changes of a subscription, and their replays."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from domain.subscriptions.subscription import Subscription
from tests.projections.subscriptions.random_events import provider_subscription
from tests.service.harness import Shop, errors
from tests.service.running_service import Service
from tests.service.subscriptions.subscription_actions import (
    NEVER,
    YEARLY,
    act,
    item,
    subscribed,
    url_of,
)


def test_it_is_canceled_at_once_or_with_its_period(shop: Shop) -> None:
    now, later = subscribed(shop), subscribed(shop)
    response = act(shop, url_of(shop, now) + "/cancel")
    assert (response.status_code, item(response)["status"]) == (200, "canceled")
    assert item(response)["endedAt"] is not None
    location = response.headers["location"]
    assert location == f"{url_of(shop, now)}?minPosition={item(response)['position']}"
    assert item(shop.get(location)) == item(response)
    response = act(shop, url_of(shop, later) + "/cancel", {"atPeriodEnd": True})
    assert (item(response)["status"], item(response)["cancelAt"]) == (
        "active",
        "2026-02-01T00:00:00.000Z",
    )


def test_it_is_changed_at_once_or_from_the_next_period_on(shop: Shop) -> None:
    now, later = subscribed(shop), subscribed(shop)
    shown = item(act(shop, url_of(shop, now) + "/change", YEARLY))
    assert [(line["price"], line["quantity"]) for line in shown["lineItems"]] == [
        ("price_yearly", 3)
    ]
    assert (shown["monthlyMinor"], shown["scheduledChange"]) == (3 * 999, None)
    name = later.view.provider_subscription_id
    path = f"{shop.url}/subscriptions/{name}/change"
    shown = item(act(shop, path, YEARLY | {"when": "periodEnd"}))
    assert [line["price"] for line in shown["lineItems"]] == ["price_monthly"]
    assert shown["scheduledChange"] == {
        "lineItems": [{"price": "price_yearly", "quantity": 3}],
        "at": "2026-02-01T00:00:00.000Z",
    }


def test_a_rejection_by_the_provider_is_400_with_its_message_and_is_shown(shop: Shop) -> None:
    made = subscribed(shop, then="refused")
    response = act(shop, url_of(shop, made) + "/change", YEARLY)
    assert response.status_code == 400
    assert errors(response) == [
        {
            "validation": "error",
            "code": "[E4000]",
            "message": "No such price: 'price_gone'",
            "path": "lineItems.0.price",
            "providerCode": "resource_missing",
        }
    ]
    shop.service.wait_for_projection("subscriptions")
    assert item(shop.get(url_of(shop, made)))["failure"] == {
        "code": "provider_rejected",
        "message": "No such price: 'price_gone'",
        "path": "lineItems.0.price",
        "providerCode": "resource_missing",
    }


def test_what_its_state_forbids_is_400_and_leaves_nothing(service: Service, shop: Shop) -> None:
    made = subscribed(shop, seen=provider_subscription(state="canceled", ended_at=1_767_225_600))
    before = service.events(made.id)
    for path, body, done in (("cancel", None, "canceled"), ("change", YEARLY, "changed")):
        response = act(shop, f"{url_of(shop, made)}/{path}", body)
        assert response.status_code == 400
        (entry,) = errors(response)
        assert entry["message"] == f"status: can't be {done}: it is canceled"
    assert service.events(made.id) == before


def test_one_thing_is_done_at_a_time(shop: Shop) -> None:
    made = subscribed(shop, then="never")
    assert act(shop, url_of(shop, made) + "/cancel", **NEVER).status_code == 202
    (entry,) = errors(act(shop, url_of(shop, made) + "/change", YEARLY))
    assert "something else is being done with it" in entry["message"]


def test_a_slow_action_is_202_and_its_replay_returns_the_outcome(
    service: Service, shop: Shop
) -> None:
    made = subscribed(shop, then="never")
    key = {"idempotency_key": uuid4().hex}
    path = url_of(shop, made) + "/cancel"
    response = act(shop, path, {"atPeriodEnd": True}, **key, **NEVER)
    assert (response.status_code, response.headers["retry-after"]) == (202, "1")
    assert (item(response)["status"], item(response)["cancelAt"]) == ("active", None)
    service.context.recording.billing.change(Subscription, made.id, do_late)
    replays = [act(shop, path, {"atPeriodEnd": True}, **key) for _ in range(2)]
    for replay in replays:
        assert replay.status_code == 200
        assert replay.headers["idempotent-replayed"] == "true"
        assert item(replay)["cancelAt"] == "2026-02-01T00:00:00.000Z"
    assert item(replays[0]) == item(replays[1])
    query = [fact for fact in service.events(made.id) if "cancel_requested" in fact.TOPIC]
    assert len(query) == 1


def do_late(known: Subscription) -> None:
    occurred_at = known.modified_on
    seen = provider_subscription(id=known.view.provider_subscription_id, as_of=known.view.as_of + 1)
    known.record_provider_state(
        replace(seen, cancel_at=seen.period_end),
        source="answer",
        actor="worker",
        occurred_at=occurred_at,
    )
    known.finish_request(occurred_at=occurred_at)


def test_a_replay_returns_the_first_outcome_after_later_changes(shop: Shop) -> None:
    made = subscribed(shop)
    key = {"idempotency_key": uuid4().hex}
    first = act(shop, url_of(shop, made) + "/change", YEARLY, **key)
    act(shop, url_of(shop, made) + "/cancel")
    again = act(shop, url_of(shop, made) + "/change", YEARLY, **key)
    assert (again.status_code, item(again)) == (200, item(first))
    reused = act(shop, url_of(shop, made) + "/cancel", **key)
    assert reused.status_code == 422


@pytest.mark.parametrize(
    ("path", "body", "names"),
    [
        ("cancel", {"atPeriodEnd": "yes"}, "atPeriodEnd"),
        ("cancel", {"when": "now"}, "when"),
        ("change", {"lineItems": [], "when": "now"}, "lineItems"),
        ("change", YEARLY | {"when": "later"}, "when"),
        ("change", {"lineItems": YEARLY["lineItems"]}, "when"),
        (
            "change",
            YEARLY | {"lineItems": [{"price": "p", "amountMinor": 1}]},
            "lineItems.0.amountMinor",
        ),
        ("change", YEARLY | {"lineItems": [{"price": f"p{n}"} for n in range(21)]}, "lineItems"),
        ("change", YEARLY | {"lineItems": [{"price": "p"}, {"price": "p"}]}, "lineItems"),
        ("change", YEARLY | {"lineItems": [{"price": "p", "quantity": 0}]}, "lineItems.0.quantity"),
    ],
    ids=[
        "no-flag",
        "unknown-field",
        "no-lines",
        "no-such-time",
        "no-time",
        "an-amount",
        "too-many",
        "one-price-twice",
        "none-of-it",
    ],
)
def test_a_wrong_body_is_400_and_records_nothing(
    service: Service, shop: Shop, path: str, body: Any, names: str
) -> None:
    made = subscribed(shop)
    before = service.events(made.id)
    response = act(shop, f"{url_of(shop, made)}/{path}", body)
    assert response.status_code == 400
    assert errors(response)[0].get("path", "") == names
    assert service.events(made.id) == before
