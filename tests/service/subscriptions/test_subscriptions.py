"""Subscriptions as they are shown, listed, and told apart by filters."""

import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.subscriptions.subscription import Subscription
from tests.projections.subscriptions.random_events import provider_subscription
from tests.service.harness import Shop, errors, now
from tests.service.running_service import Service
from tests.service.subscriptions.subscription_actions import act, item, listed, subscribed, url_of

_LINE = {
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


def shown_of(shop: Shop, made: Subscription) -> dict[str, Any]:
    """Return all fields of a subscription but its times and its position."""
    return {
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
        "lineItems": [_LINE],
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


def test_a_subscription_is_shown_by_our_id_and_the_providers(shop: Shop) -> None:
    made = subscribed(shop, user_id="user-1")
    shop.service.wait_for_projection("subscriptions")
    shown = item(shop.get(url_of(shop, made)))
    assert item(shop.get(f"{shop.url}/subscriptions/{made.view.provider_subscription_id}")) == shown
    position = shown.pop("position")
    assert position == shop.service.head()
    assert shown.pop("createdAt").endswith("Z")
    assert shown.pop("updatedAt").endswith("Z")
    assert shown == shown_of(shop, made)


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
