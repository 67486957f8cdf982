import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from service.reports.mrr_movement import COLUMNS
from tests.projections.subscriptions.random_events import provider_subscription
from tests.service.harness import Shop, paths
from tests.service.subscription_fixtures import subscribe

NOTHING = {
    "startMrrMinor": 0,
    **{
        f"{kind}{unit}": 0
        for kind in ("new", "expansion", "contraction", "churn", "reactivation")
        for unit in ("Minor", "Count")
    },
    "netMinor": 0,
    "endMrrMinor": 0,
}


def unix(month: int, day: int) -> int:
    return int(datetime(2026, month, day, tzinfo=UTC).timestamp())


def test_recurring_revenue_moves_from_start_to_end_by_month_and_as_csv(shop: Shop) -> None:
    def add(**facts: Any) -> None:
        subscribe(shop.service.context, shop.app_id, shop.connection_id, **facts)

    known = provider_subscription(started_at=unix(1, 10), as_of=unix(1, 10))
    add(seen=known)
    add(seen=replace(known, id="sub_over", state="canceled", as_of=unix(3, 9),
                     canceled_at=unix(2, 3), ended_at=unix(2, 3)))  # fmt: skip
    add(seen=replace(known, id="sub_usd", currency="usd"), mode="live")
    path = f"{shop.url}/reports/mrr-movement"
    period = {"from": "2026-01-01", "to": "2026-04-01", "minPosition": shop.service.head()}
    document = shop.get(path, **period).json()
    assert (document["kind"], document["interval"]) == ("mrr_movement", "month")
    live, test = document["items"]
    assert (live["mode"], live["currency"], live["totals"]["endMrrMinor"]) == ("live", "usd", 999)
    amounts = [
        {name: value for name, value in bucket.items() if name not in ("period", "start", "end")}
        for bucket in test["buckets"]
    ]
    new = {"newMinor": 1998, "newCount": 2}
    churn = {"churnMinor": -999, "churnCount": 1}
    assert amounts == [
        NOTHING | new | {"netMinor": 1998, "endMrrMinor": 1998},
        NOTHING | churn | {"startMrrMinor": 1998, "netMinor": -999, "endMrrMinor": 999},
        NOTHING | {"startMrrMinor": 999, "endMrrMinor": 999},
    ]
    assert test["totals"] == NOTHING | new | churn | {"netMinor": 999, "endMrrMinor": 999}
    summary = shop.get(f"{shop.url}/reports/summary", mode="test").json()["items"][0]
    assert summary["mrrMinor"] == test["totals"]["endMrrMinor"]
    response = shop.get(path, format="csv", mode="test", **period)
    assert response.headers["content-disposition"] == 'attachment; filename="mrr-movement.csv"'
    lines = list(csv.DictReader(io.StringIO(response.text)))
    assert list(lines[0]) == list(COLUMNS)
    assert [line["endMrrMinor"] for line in lines] == ["1998", "999", "999"]
    of_days = shop.get(path, interval="day", mode="test").json()["items"][0]["buckets"]
    assert len(of_days) == 30
    tomorrow = str(datetime.now(UTC).date() + timedelta(days=2))
    response = shop.get(path, **{"from": tomorrow})
    assert (response.status_code, paths(response)) == (400, ["from"])
