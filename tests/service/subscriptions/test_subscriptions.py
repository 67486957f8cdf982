import time
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from domain.subscriptions.subscription import Subscription
from tests.projections.subscriptions.random_events import provider_subscription
from tests.service.harness import Service, Shop, errors, now
from tests.service.subscription_fixtures import subscribe

NEVER = {"prefer": "respond-async"}
YEARLY = {"lineItems": [{"price": "price_yearly", "quantity": 3}], "when": "now"}


def subscribed(shop: Shop, **facts: Any) -> Subscription:
    facts = {"tenant_id": shop.tenant_id} | facts
    return subscribe(shop.service.context, shop.app_id, shop.connection_id, **facts)


def url_of(shop: Shop, subscription: Subscription) -> str:
    return f"{shop.url}/subscriptions/{subscription.id}"


def item(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code in (200, 202), response.text
    document = response.json()
    assert (document["kind"], document["itemsLength"]) == ("subscriptions", 1)
    found: dict[str, Any] = document["items"][0]
    return found


def listed(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    assert response.json()["totalItems"] == response.json()["itemsLength"]
    return [entry["id"] for entry in response.json()["items"]]


def act(shop: Shop, path: str, body: Any = None, **headers: str) -> httpx.Response:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    given = {} if body is None else {"json": body}
    return shop.service.request("POST", path, headers=shop.headers() | more, **given)


def test_a_subscription_is_shown_by_our_id_and_the_providers(shop: Shop) -> None:
    made = subscribed(shop, user_id="user-1")
    shop.service.wait_for_projection("subscriptions")
    shown = item(shop.get(url_of(shop, made)))
    assert item(shop.get(f"{shop.url}/subscriptions/{made.view.provider_subscription_id}")) == shown
    position = shown.pop("position")
    assert position == shop.service.head()
    assert shown.pop("createdAt").endswith("Z")
    assert shown.pop("updatedAt").endswith("Z")
    assert shown == {
        "id": str(made.id),
        "tenantUuid": str(shop.tenant_id),
        "userId": "user-1",
        "provider": "stripe",
        "connection": "stripe-1",
        "mode": "test",
        "origin": "request",
        "status": "active",
        "providerSubscriptionId": made.view.provider_subscription_id,
        "customer": "cus_1",
        "invoiceId": None,
        "currency": "eur",
        "lineItems": [
            {
                "name": "Pro",
                "quantity": 1,
                "price": "price_monthly",
                "amountMinor": 999,
                "amountDecimal": None,
                "usageBased": False,
                "currency": "eur",
                "interval": "month",
                "intervalCount": 1,
            }
        ],
        "monthlyMinor": 999,
        "periodStart": "2026-01-01T00:00:00.000Z",
        "periodEnd": "2026-02-01T00:00:00.000Z",
        "trialEnd": None,
        "cancelAt": None,
        "canceledAt": None,
        "endedAt": None,
        "scheduledChange": None,
        "scheduledPhases": [],
        "failure": None,
        "metadata": {},
        "description": None,
    }


def test_a_subscription_can_be_read_by_either_id_though_no_projection_runs(database: str) -> None:
    with Service(database) as service:
        shop = Shop(service)
    patience: dict[str, Any] = {"min_position_wait_s": 0.05, "access_max_age_s": 60}
    with Service(database, projections=False, **patience) as behind:
        shop.service = behind
        behind.call(behind.context.auth.access.look())
        made = subscribed(shop)
        head = behind.head()
        for name in (made.id, made.view.provider_subscription_id):
            found = shop.get(f"{shop.url}/subscriptions/{name}", minPosition=head)
            assert (item(found)["id"], item(found)["position"]) == (str(made.id), head)
        assert shop.get(f"{shop.url}/subscriptions/sub_gone", minPosition=head).status_code == 404
        listing = shop.get(f"{shop.url}/subscriptions", minPosition=head)
        assert (listing.status_code, errors(listing)[0]["code"]) == (503, "[E5030]")


def test_what_is_no_id_names_nothing(shop: Shop) -> None:
    for name in (uuid4(), "sub_gone", "x" * 300, shop.app_id):
        assert shop.get(f"{shop.url}/subscriptions/{name}").status_code == 404


def test_the_list_is_narrowed_by_each_filter(shop: Shop) -> None:
    meant = subscribed(
        shop,
        user_id="user-1",
        seen=provider_subscription(
            state="past_due", customer="cus_9", started_at=int(time.time()) - 9000
        ),
    )
    other = subscribed(
        shop, tenant_id=None, seen=provider_subscription(started_at=int(time.time()))
    )
    elsewhere = subscribed(shop, mode="live")
    shop.service.wait_for_projection("subscriptions")
    path = f"{shop.url}/subscriptions"
    meant_before = (now() - timedelta(hours=2)).isoformat()
    assert listed(shop.get(path)) == [str(other.id), str(meant.id)]
    assert listed(shop.get(path, sort="createdAt")) == [str(meant.id), str(other.id)]
    assert listed(shop.get(path, mode="live")) == [str(elsewhere.id)]
    assert listed(shop.get(path, unassigned="true")) == [str(other.id)]
    for narrow in (
        {"status": "past_due,paused"},
        {"tenantUuid": str(shop.tenant_id)},
        {"userId": "user-1"},
        {"customer": "cus_9"},
        {"createdTo": meant_before},
    ):
        assert listed(shop.get(path, **narrow)) == [str(meant.id)]
    assert listed(shop.get(path, connection="other")) == []
    assert listed(shop.get(path, provider="mollie")) == []
    assert listed(shop.get(f"{shop.tenant_url}/subscriptions")) == [str(meant.id)]
    first = shop.get(path, limit=1).json()
    assert (first["totalItems"], first["totalItemsIsExact"]) == (2, True)
    second = shop.get(path, limit=1, cursor=first["nextCursor"]).json()
    assert [page["items"][0]["id"] for page in (first, second)] == [str(other.id), str(meant.id)]
    assert second["nextCursor"] is None


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"status": "paid"}, "status.0"),
        ({"unassigned": "yes"}, "unassigned"),
        ({"unassigned": "true", "tenantUuid": str(uuid4())}, "unassigned"),
        ({"sort": "totalMinor"}, "sort"),
        ({"limit": "101"}, "limit"),
        ({"q": "x"}, "q"),
    ],
    ids=lambda query: "+".join(query) if isinstance(query, dict) else query,
)
def test_a_list_rejects_unknown_parameters(shop: Shop, query: Any, path: str) -> None:
    (entry,) = errors(shop.get(f"{shop.url}/subscriptions", **query))
    assert entry["code"] == "[E4000]"
    assert entry["path"].startswith(path.partition(".")[0])


def test_the_timeline_shows_events_and_their_actors(shop: Shop) -> None:
    made = subscribed(shop)
    assert act(shop, url_of(shop, made) + "/cancel").status_code == 200
    shop.service.wait_for_projection("invoices")
    response = shop.get(url_of(shop, made) + "/events")
    assert [(entry["type"], entry["by"]) for entry in response.json()["items"]] == [
        ("subscription.started", "worker"),
        ("subscription.activated", "worker"),
        ("subscription.cancel_requested", f"key:{shop.key_ids['write']}"),
        ("subscription.canceled", "worker"),
        ("subscription.request_done", "worker"),
    ]
    changes = shop.get(f"{shop.url}/events").json()["items"]
    assert [entry["type"] for entry in changes if entry["subscriptionUuid"] == str(made.id)] == [
        entry["type"] for entry in response.json()["items"]
    ]


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
