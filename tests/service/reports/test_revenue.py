import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from service.reports.endpoints import MOST_BUCKETS
from service.reports.render import COLUMNS
from tests.service.harness import Shop, admin, paths
from tests.service.running_service import Service
from tests.support.system import eventually

NOTHING = {
    "collectedMinor": 0,
    "collectedCount": 0,
    "refundedMinor": 0,
    "refundedCount": 0,
    "disputedMinor": 0,
    "disputedCount": 0,
    "netMinor": 0,
    "attempts": 0,
    "failedAttempts": 0,
    "failureRate": None,
}
TODAY = NOTHING | {
    "collectedMinor": 2 * 1999,
    "collectedCount": 2,
    "netMinor": 2 * 1999,
    "attempts": 3,
    "failedAttempts": 1,
    "failureRate": 0.3333,
}


@pytest.fixture(scope="module")
def stocked(service: Service) -> Shop:
    shop = Shop(service)
    for outcome in ("paid", "paid", "declined", "requires_action", "open"):
        shop.post(outcome)
    service.wait_for_projection("invoices")
    return shop


def revenue(shop: Shop, **params: Any) -> dict[str, Any]:
    response = shop.get(f"{shop.url}/reports/revenue", **params)
    assert response.status_code == 200, response.text
    assert int(response.headers["x-billhook-lag-ms"]) >= 0
    document: dict[str, Any] = response.json()
    return document


def around_today() -> dict[str, str]:
    """Three days, of which the middle one, or at midnight its neighbour, is today."""
    today = datetime.now(UTC).date()
    return {"from": str(today - timedelta(days=1)), "to": str(today + timedelta(days=2))}


def test_each_day_is_shown_also_if_nothing_happened(stocked: Shop) -> None:
    document = revenue(stocked, **around_today())
    head = {name: document[name] for name in ("kind", "totalItems", "interval", "timezone")}
    assert head == {"kind": "revenue", "totalItems": 1, "interval": "day", "timezone": "UTC"}
    (item,) = document["items"]
    assert (item["mode"], item["currency"], item["totals"]) == ("test", "eur", TODAY)
    shown = [
        {name: value for name, value in bucket.items() if name not in ("period", "start", "end")}
        for bucket in item["buckets"]
    ]
    assert sorted(shown, key=lambda bucket: bucket["attempts"]) == [NOTHING, NOTHING, TODAY]
    assert document["from"] == item["buckets"][0]["start"]
    assert document["to"] == item["buckets"][-1]["end"]


def test_the_report_adds_up_to_the_summary(stocked: Shop) -> None:
    (item,) = revenue(stocked, **around_today())["items"]
    summed = stocked.get(f"{stocked.url}/reports/summary", **around_today()).json()["items"][0]
    assert item["totals"].items() <= summed.items()


@pytest.mark.parametrize(
    ("interval", "periods"),
    [
        ("day", ["2026-03-28", "2026-03-29", "2026-03-30"]),
        ("week", ["2026-W13", "2026-W14"]),
        ("month", ["2026-03"]),
    ],
)
def test_days_go_together_by_the_clocks_of_the_time_zone(
    stocked: Shop, interval: str, periods: list[str]
) -> None:
    chosen = {"from": "2026-03-28", "to": "2026-03-31", "timezone": "Europe/Berlin"}
    document = revenue(stocked, interval=interval, **chosen)
    (item,) = document["items"]
    assert [bucket["period"] for bucket in item["buckets"]] == periods
    assert (document["from"], document["to"], document["timezone"]) == (
        "2026-03-27T23:00:00.000Z",
        "2026-03-30T22:00:00.000Z",
        "Europe/Berlin",
    )
    assert item["totals"] == NOTHING


@pytest.mark.parametrize(("interval", "usual"), [("day", 30), ("week", 12), ("month", 12)])
def test_without_days_the_latest_are_reported(stocked: Shop, interval: str, usual: int) -> None:
    (item,) = revenue(stocked, interval=interval)["items"]
    assert len(item["buckets"]) == usual
    assert item["totals"] == TODAY
    (item,) = revenue(stocked, interval=interval, to="2026-02-01")["items"]
    assert len(item["buckets"]) == usual
    assert item["buckets"][-1]["end"] == "2026-02-01T00:00:00.000Z"


def test_the_apps_time_zone_is_that_of_the_report(service: Service) -> None:
    shop = Shop(service)
    admin(shop, "PATCH", "", {"timeZone": "Asia/Kathmandu"})
    shop.post("paid")
    service.wait_for_projection("invoices")
    day = {"from": "2026-01-01", "to": "2026-01-02"}
    # A process learns of settings within two seconds.
    document = eventually(lambda: in_zone(revenue(shop, **day), "Asia/Kathmandu"))
    assert document is not None
    assert document["from"] == "2025-12-31T18:15:00.000Z"
    assert revenue(shop, timezone="UTC", **day)["from"] == "2026-01-01T00:00:00.000Z"


def in_zone(document: dict[str, Any], zone: str) -> dict[str, Any] | None:
    return document if document["timezone"] == zone else None


def test_the_report_waits_for_what_the_caller_has_seen(service: Service) -> None:
    shop = Shop(service)
    for expected in range(1, 4):
        position = shop.post("paid").headers["x-billhook-position"]
        (item,) = revenue(shop, minPosition=position, **around_today())["items"]
        assert item["totals"]["collectedCount"] == expected


def test_money_can_be_chosen(stocked: Shop) -> None:
    (invoice,) = stocked.get(f"{stocked.url}/invoices", limit=1).json()["items"]
    chosen = {"provider": invoice["provider"], "connection": invoice["connection"]}
    assert revenue(stocked, mode="test", currency="EUR", **chosen) == revenue(stocked)
    for other in ({"mode": "live"}, {"currency": "usd"}, {"provider": "mollie"}):
        assert revenue(stocked, **other)["items"] == []
    assert revenue(stocked, connection="another")["items"] == []


def test_as_csv_each_bucket_has_a_line(stocked: Shop) -> None:
    response = stocked.get(f"{stocked.url}/reports/revenue", format="csv", **around_today())
    assert response.headers["content-type"].startswith("text/csv")
    assert response.headers["content-disposition"] == 'attachment; filename="revenue.csv"'
    head, *lines = csv.reader(io.StringIO(response.text, newline=""))
    assert tuple(head) == COLUMNS
    (item,) = revenue(stocked, **around_today())["items"]
    known = [{**item, **bucket} for bucket in item["buckets"]]
    assert lines == [
        ["" if bucket[name] is None else str(bucket[name]) for name in COLUMNS] for bucket in known
    ]


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"from": "2026-1-1"}, "from"),
        ({"from": "1979-12-31"}, "from"),
        ({"from": "2999-01-01"}, "from"),
        ({"to": "1980-01-01"}, "to"),
        ({"to": "9999-12-31"}, "to"),
        ({"from": "2026-02-01", "to": "2026-02-01"}, "to"),
        ({"from": "2025-01-01", "to": "2026-02-06"}, "interval"),
        ({"from": "1980-01-01", "to": "2027-01-01", "interval": "week"}, "interval"),
        ({"from": "1980-01-01", "to": "2015-01-01", "interval": "month"}, "interval"),
        ({"interval": "year"}, "interval"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"mode": "both"}, "mode"),
        ({"format": "xml"}, "format"),
        ({"connection": ""}, "connection"),
        ({"limit": "3"}, "limit"),
    ],
)
def test_a_period_that_can_not_be_meant_is_400(
    stocked: Shop, params: dict[str, Any], path: str
) -> None:
    response = stocked.get(f"{stocked.url}/reports/revenue", **params)
    assert (response.status_code, paths(response)) == (400, [path])


def test_as_many_buckets_as_are_allowed_are_shown(stocked: Shop) -> None:
    first = date(2025, 1, 1)
    period = {"from": str(first), "to": str(first + timedelta(days=MOST_BUCKETS))}
    (item,) = revenue(stocked, **period)["items"]
    assert len(item["buckets"]) == MOST_BUCKETS
    assert item["totals"] == NOTHING


def test_another_apps_key_reads_no_revenue(stocked: Shop, other_shop: Shop) -> None:
    response = stocked.service.request(
        "GET", f"{stocked.url}/reports/revenue", headers=other_shop.headers("read")
    )
    assert response.status_code == 401
