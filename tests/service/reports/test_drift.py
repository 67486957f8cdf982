import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.reconciliation.drift import Drift
from service.reports.drift import COLUMNS
from tests.service.harness import Shop, errors, now
from tests.service.running_service import Service
from tests.support.drift_examples import drifted


@pytest.fixture(scope="module")
def stocked(service: Service) -> Shop:
    shop = Shop(service)
    save(shop, drifted(occurred_at=now(), app_id=shop.app_id, since=int(now().timestamp()) - 60))
    save(
        shop,
        drifted(
            occurred_at=now(),
            app_id=shop.app_id,
            field="object",
            ours=None,
            theirs="=HYPERLINK()",
            found_by="open_items",
            reason="unknown invoice",
            object_type="refund",
        ),
        is_resolved=False,
    )
    save(shop, drifted(occurred_at=now(), app_id=Shop(service).app_id))
    service.wait_for_projection("drift")
    return shop


def save(shop: Shop, drift: Drift, *, is_resolved: bool = True) -> None:
    if is_resolved:
        drift.resolve(actor="reconciliation", occurred_at=now())
    shop.billing.save(drift)


def report(shop: Shop, **params: Any) -> dict[str, Any]:
    response = shop.get(f"{shop.url}/reports/drift", **params)
    assert response.status_code == 200, response.text
    assert int(response.headers["x-billhook-lag-ms"]) >= 0
    document: dict[str, Any] = response.json()
    return document


def test_the_report_lists_differences_with_counts_and_times_to_heal(stocked: Shop) -> None:
    document = report(stocked)
    assert (document["kind"], document["totalItems"], document["timezone"]) == ("drift", 2, "UTC")
    unapplied, healed = document["items"]
    assert (healed["field"], healed["ours"], healed["theirs"]) == ("status", "open", "paid")
    assert (healed["state"], healed["reason"]) == ("resolved", None)
    assert 59_000 <= healed["timeToHealMs"] < 600_000
    assert healed["invoiceUuid"] is not None
    assert (unapplied["state"], unapplied["reason"]) == ("open", "unknown invoice")
    assert unapplied["invoiceUuid"] is unapplied["timeToHealMs"] is unapplied["resolvedAt"] is None
    sums = {one["foundBy"]: one for one in document["sums"]}
    assert sums["event_catch_up"]["p95TimeToHealMs"] == healed["timeToHealMs"]
    assert (sums["open_items"]["detected"], sums["open_items"]["unresolved"]) == (1, 1)


def test_filters_narrow_the_list_and_the_sums_alike(stocked: Shop) -> None:
    today = datetime.now(UTC).date()
    for params, fields in (
        ({"state": "open"}, ["object"]),
        ({"state": "open,resolved"}, ["object", "status"]),
        ({"foundBy": "event_catch_up"}, ["status"]),
        ({"field": "status", "mode": "test", "provider": "stripe"}, ["status"]),
        ({"mode": "live"}, []),
        ({"connection": "main"}, ["object", "status"]),
        ({"objectId": "in_2"}, []),
        ({"from": str(today - timedelta(days=9)), "to": str(today - timedelta(days=2))}, []),
    ):
        document = report(stocked, **params)
        assert [one["field"] for one in document["items"]] == fields, params
        assert sum(one["detected"] for one in document["sums"]) == len(fields), params
    first = report(stocked, limit=1)
    second = report(stocked, limit=1, cursor=first["nextCursor"])
    assert [one["field"] for one in first["items"] + second["items"]] == ["object", "status"]
    assert second["nextCursor"] is None
    assert first["sums"] == second["sums"]


def test_the_csv_holds_the_whole_list_and_no_formula(stocked: Shop) -> None:
    response = stocked.get(f"{stocked.url}/reports/drift", format="csv")
    assert response.headers["content-disposition"] == 'attachment; filename="drift.csv"'
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert tuple(rows[0]) == COLUMNS
    assert [row["theirs"] for row in rows] == ["'=HYPERLINK()", "paid"]


def test_bad_queries_are_named(stocked: Shop) -> None:
    for params, path in (
        ({"foundBy": "luck"}, "foundBy"),
        ({"state": "healed"}, "state.0"),
        ({"from": "2999-01-01"}, "from"),
        ({"from": "2026-02-02", "to": "2026-02-02"}, "to"),
        ({"format": "csv", "limit": "5"}, "limit"),
        ({"currency": "eur"}, "currency"),
    ):
        response = stocked.get(f"{stocked.url}/reports/drift", **params)
        assert response.status_code == 400, params
        assert errors(response)[0]["path"].startswith(path.split(".")[0]), params
