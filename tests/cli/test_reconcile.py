"""`billhook reconcile status | report` and `billhook connections enable-webhook`."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner, Result

from cli.reconcile import reconcile
from cli.work import work
from service.reports.drift import COLUMNS
from tests.service.harness import Shop
from tests.service.operations.test_alerts import disable_endpoint, leave_drift
from tests.service.running_service import Service
from tests.service.webhooks.test_bulk_replays import dead
from tests.support.drift_examples import drifted


@pytest.fixture(scope="module")
def shop(service: Service) -> Shop:
    made = Shop(service)
    leave_drift(made)
    healed = drifted(
        occurred_at=datetime.now(UTC),
        app_id=made.app_id,
        connection=made.connection,
        field="refunds.re_1",
        ours=None,
        theirs="=succeeded 500",
        since=int(datetime.now(UTC).timestamp()) - 30,
        found_by="audit",
    )
    healed.resolve(actor="reconciliation", occurred_at=datetime.now(UTC))
    made.billing.save(healed)
    disable_endpoint(made)
    service.wait_for_projection("drift")
    return made


def run(shop: Shop, *arguments: str) -> Result:
    environment = {"BILLHOOK_DATABASE_URL": shop.service.database}
    ended = CliRunner().invoke(reconcile, [*arguments, "--app", str(shop.app_id)], env=environment)
    assert ended.exit_code == 0, ended.output
    return ended


def test_the_status_shows_each_connections_progress_and_endpoint(shop: Shop) -> None:
    (row,) = json.loads(run(shop, "status", "--json").stdout)
    assert (row["connection"], row["unresolved"], row["webhookEndpoint"]) == (
        shop.connection,
        1,
        "disabled",
    )
    assert (row["catchUpLagS"], row["problems"]) == (None, "is disabled")
    assert "disabled" in run(shop, "status").stdout


def test_the_report_lists_and_filters_differences_in_three_formats(shop: Shop) -> None:
    rows = list(csv.DictReader(io.StringIO(run(shop, "report", "--format", "csv").stdout)))
    assert tuple(rows[0]) == COLUMNS
    assert [row["field"] for row in rows] == ["refunds.re_1", "status"]
    assert rows[0]["theirs"] == "'=succeeded 500"

    lines = run(shop, "report", "--format", "json", "--found-by", "audit").stdout.splitlines()
    summed, found = map(json.loads, lines)
    assert summed["sums"][0]["detected"] == 1
    assert (found["field"], found["state"]) == ("refunds.re_1", "resolved")

    shown = run(shop, "report", "--state", "open").stdout
    assert "status" in shown
    assert "refunds" not in shown
    empty = run(shop, "report", "--from", "2026-01-01", "--to", "2026-01-02").stdout
    assert empty.split() == ["none"]


def test_dead_letters_are_replayed_by_reason(service: Service) -> None:
    shop = Shop(service)
    for reason in ("unknown invoice", "unknown invoice", "unreadable: invoice.id"):
        dead(shop, reason)
    service.wait_for_projection("deliveries")

    def replay(*more: str) -> str:
        ended = CliRunner().invoke(
            work,
            ["replay", "--app", str(shop.app_id), *more],
            env={"BILLHOOK_DATABASE_URL": service.database},
        )
        assert ended.exit_code == 0, ended.output
        return ended.stdout.strip()

    chosen = ("--reason", "unknown invoice", "--from", "2026-01-01")
    assert replay(*chosen, "--dry-run") == "2 dead letters"
    assert replay(*chosen) == "requested 2 replays; 0 dead letters are left"
    service.wait_for_projection("deliveries")
    assert replay("--dry-run") == "1 dead letters"
