from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.projections.subscriptions.random_events import provider_subscription
from tests.service.harness import Shop, paths
from tests.service.running_service import Service
from tests.service.subscription_fixtures import subscribe


@pytest.fixture(scope="module")
def stocked(service: Service) -> Shop:
    shop = Shop(service)
    for outcome in ("paid", "paid", "declined", "requires_action", "open"):
        shop.post(outcome)
    service.wait_for_projection("invoices")
    return shop


def summary(shop: Shop, **params: Any) -> dict[str, Any]:
    response = shop.get(f"{shop.url}/reports/summary", **params)
    assert response.status_code == 200, response.text
    assert int(response.headers["x-billhook-lag-ms"]) >= 0
    document: dict[str, Any] = response.json()
    return document


def test_the_summary_has_collected_and_outstanding_amounts(stocked: Shop) -> None:
    document = summary(stocked)
    assert document["items"] == [
        {
            "mode": "test",
            "currency": "eur",
            "collectedMinor": 2 * 1999,
            "collectedCount": 2,
            "refundedMinor": 0,
            "refundedCount": 0,
            "disputedMinor": 0,
            "disputedCount": 0,
            "netMinor": 2 * 1999,
            "attempts": 3,
            "failedAttempts": 1,
            "failureRate": 0.3333,
            "outstandingMinor": 3 * 1999,
            "outstandingCount": 3,
            "overdueMinor": 0,
            "overdueCount": 0,
            "mrrMinor": 0,
            "activeSubscriptions": 0,
            "unpricedSubscriptions": 0,
            "usageBasedSubscriptions": 0,
        }
    ]
    assert (document["kind"], document["totalItems"], document["itemsLength"]) == ("summary", 1, 1)
    assert (document["from"], document["to"], document["timezone"]) == (None, None, "UTC")


def test_the_sums_are_those_of_the_list(stocked: Shop) -> None:
    (row,) = summary(stocked)["items"]
    items = stocked.get(f"{stocked.url}/invoices").json()["items"]
    paid = [item for item in items if item["status"] == "paid"]
    owed = [item for item in items if item["status"] in {"open", "failed", "requires_action"}]
    assert row["collectedMinor"] == sum(item["amountPaidMinor"] for item in paid)
    assert row["outstandingMinor"] == sum(item["totalMinor"] for item in owed)


def test_days_begin_when_they_begin_in_the_time_zone(stocked: Shop) -> None:
    document = summary(
        stocked, **{"from": "2026-03-29", "to": "2026-03-30", "timezone": "Europe/Berlin"}
    )
    # The night in which clocks are put forward.
    assert (document["from"], document["to"]) == (
        "2026-03-28T23:00:00.000Z",
        "2026-03-29T22:00:00.000Z",
    )
    assert document["timezone"] == "Europe/Berlin"
    assert document["items"][0]["collectedCount"] == 0
    assert document["items"][0]["outstandingCount"] == 3
    today = datetime.now(UTC).date()
    period = {"from": str(today - timedelta(days=1)), "to": str(today + timedelta(days=2))}
    assert summary(stocked, **period)["items"][0]["collectedCount"] == 2


def test_modes_and_currencies_can_be_chosen(stocked: Shop) -> None:
    assert summary(stocked, mode="live")["items"] == []
    assert summary(stocked, currency="usd")["items"] == []
    assert summary(stocked, mode="test", currency="EUR")["totalItems"] == 1


def test_a_provider_and_a_connection_can_be_chosen(stocked: Shop) -> None:
    (item,) = stocked.get(f"{stocked.url}/invoices", limit=1).json()["items"]
    chosen = {"provider": item["provider"], "connection": item["connection"]}
    assert summary(stocked, **chosen)["items"] == summary(stocked)["items"]
    assert summary(stocked, provider="mollie")["items"] == []
    assert summary(stocked, connection="another")["items"] == []


def test_the_summary_waits_for_what_the_caller_has_seen(service: Service) -> None:
    shop = Shop(service)
    for expected in range(1, 3):
        position = shop.post("paid").headers["x-billhook-position"]
        (row,) = summary(shop, minPosition=position)["items"]
        assert (row["collectedMinor"], row["collectedCount"]) == (1999 * expected, expected)


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"from": "2026-1-1"}, "from"),
        ({"from": "1700000000"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": "1979-12-31"}, "from"),
        ({"to": "9999-12-31"}, "to"),
        ({"from": "2026-02-02", "to": "2026-02-01"}, "to"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"mode": "both"}, "mode"),
        ({"interval": "day"}, "interval"),
    ],
)
def test_a_period_that_can_not_be_meant_is_400(
    stocked: Shop, params: dict[str, Any], path: str
) -> None:
    response = stocked.get(f"{stocked.url}/reports/summary", **params)
    assert (response.status_code, paths(response)) == (400, [path])


def test_another_apps_key_reads_no_summary(stocked: Shop, other_shop: Shop) -> None:
    response = stocked.service.request(
        "GET", f"{stocked.url}/reports/summary", headers=other_shop.headers("read")
    )
    assert response.status_code == 401


def test_recurring_revenue_is_by_currency_mode_and_connection(shop: Shop) -> None:
    def add(**facts: Any) -> None:
        subscribe(shop.service.context, shop.app_id, shop.connection_id, **facts)

    add()
    add(seen=provider_subscription(state="past_due"))
    add(seen=provider_subscription(state="trialing"))
    add(seen=provider_subscription(state="canceled"))
    add(seen=provider_subscription(currency="usd"))
    add(connection="other")
    add(mode="live")
    head = shop.service.head()
    path = f"{shop.url}/reports/summary"

    def recurring(**filters: str) -> list[tuple[str, str, int, int]]:
        items = shop.get(path, minPosition=head, **filters).json()["items"]
        return [
            (row["mode"], row["currency"], row["mrrMinor"], row["activeSubscriptions"])
            for row in items
        ]

    assert recurring() == [
        ("live", "eur", 999, 1),
        ("test", "eur", 2997, 3),
        ("test", "usd", 999, 1),
    ]
    assert recurring(mode="test", currency="eur", connection="stripe-1") == [
        ("test", "eur", 1998, 2)
    ]
    assert recurring(provider="mollie") == []
