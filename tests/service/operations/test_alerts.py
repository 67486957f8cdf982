"""Each alert rule fires while its fault lasts, on metrics that were scraped from the service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg
import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from domain.inbox.webhook_health import DISABLED, EndpointState, WebhookHealth
from domain.operations.skipped_event import SkipEvent, SkippedEvent
from eventlog.codec import Codec
from tests.service.harness import Shop, stripe_event
from tests.service.operations.promql import Scrape, parse, scrape
from tests.service.running_service import Service
from tests.support.drift_examples import drifted

RULES_FILE: Final = Path("deploy/prometheus/alerts.yml")
RUNBOOK: Final = Path("docs/reliability.md")
RULES: Final[dict[str, dict[str, Any]]] = {
    rule["alert"]: rule
    for group in yaml.safe_load(RULES_FILE.read_text())["groups"]
    for rule in group["rules"]
}
APART_S: Final = 10.0
IN_OTHER_TESTS: Final = {
    "BillhookDown",
    "BillhookSystemStateUnknown",
    "BillhookDatabaseReadOnly",
    "BillhookErrors",
    "BillhookLeaderMissing",
}


class Watched:
    """A service without projections, and what its metrics say."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def scrape(self) -> Scrape:
        response = self.service.request("GET", "/metrics")
        return {("up", ()): float(response.status_code == 200)} | dict(scrape(response.text))

    def sql(self, query: LiteralString, *values: object) -> None:
        with psycopg.connect(self.service.database, autocommit=True) as session:
            session.execute("SET default_transaction_read_only = off")
            session.execute(query, values)

    def fires(self, alert: str, fault: Callable[[], None] | None = None) -> dict[Any, float]:
        """Return what fires after a fault, from the scrapes before and after it."""
        before = self.scrape()
        if fault is not None:
            fault()
        return parse(RULES[alert]["expr"]).firing(before, self.scrape(), apart_s=APART_S)


@pytest.fixture
def watched(database: str) -> Iterator[Watched]:
    with Service(database) as service:
        yield Watched(service)


def test_rules_name_metrics_that_exist_and_sections_of_the_runbook(watched: Watched) -> None:
    shop = Shop(watched.service)
    shop.post("paid")
    shop.deliver(stripe_event())
    exposed = {name for name, _ in watched.scrape()}
    types = watched.service.request("GET", "/metrics").text
    exposed |= set(re.findall(r"^# TYPE (\S+) ", types, re.MULTILINE))
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
        for line in RUNBOOK.read_text().splitlines()
        if line.startswith("#")
    }
    for rule in RULES.values():
        assert parse(rule["expr"]).metric in exposed, rule["expr"]
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert re.fullmatch(r"\d+m", rule["for"])
        file, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (Path(file), anchor in headings) == (RUNBOOK, True), anchor
        assert rule["alert"] in RUNBOOK.read_text()


def test_acknowledged_hints_are_no_rejected_webhooks(watched: Watched) -> None:
    metrics = watched.service.context.recording.metrics

    def receive(result: str) -> None:
        for _ in range(1_000):
            metrics.record_delivery("mollie", result)

    for result, is_rejected in {"coalesced": False, "ignored": False, "over_limit": True}.items():
        receive(result)
        fired = watched.fires("BillhookWebhooksRejected", partial(receive, result))
        assert bool(fired) == is_rejected


@pytest.mark.extended
def test_every_rule_fires_under_its_fault_and_not_before(watched: Watched) -> None:
    shop = Shop(watched.service)
    # A job that waits for its time has not failed.
    watched.sql(JOB, "a:0", "-1 h", 0, "the next check is at noon", None)
    faults = fault_table(watched, shop)
    assert set(faults) | IN_OTHER_TESTS == set(RULES)
    for alert, fault in faults.items():
        assert not watched.fires(alert), alert
        assert watched.fires(alert, fault), alert


JOB: Final = """
    INSERT INTO work.jobs
        (key, app, queue, actor, args, opened_at, due_at, tries, last_error, gave_up_at)
    SELECT %s, gen_random_uuid(), 'fast', 'charge_invoice', '{}',
        now() - interval '1 h', now() - %s::interval, %s, %s, %s::timestamptz
"""


def fault_table(watched: Watched, shop: Shop) -> dict[str, Callable[[], None]]:
    """Return the fault of each rule."""
    sql = watched.sql
    return {
        "BillhookWorkNotDone": lambda: sql(JOB, "a:1", "1 h", 0, None, None),
        "BillhookWorkFails": lambda: sql(JOB, "a:2", "-1 h", 1, "late", None),
        "BillhookWorkGaveUp": lambda: sql(JOB, "a:3", "1 h", 1, "late", "now"),
        "BillhookBreakerOpen": lambda: sql(
            "INSERT INTO work.breakers VALUES (gen_random_uuid(), 'silent', 7, now(), now())"
        ),
        "BillhookProviderEventsWait": lambda: leave_delivery(shop, "parked", None),
        "BillhookDeadLetters": lambda: leave_delivery(shop, "dead", "unreadable: invoice.id"),
        "BillhookWebhooksRejected": lambda: forge(shop),
        "BillhookCapturesDue": lambda: let_a_capture_be_due(watched, shop),
        "BillhookEventSkipped": lambda: skip(watched.service),
        "BillhookLogPartitionLate": lambda: sql(
            "UPDATE eventlog.partitioning SET size = 1000 * size"
        ),
        "BillhookDriftUnresolved": lambda: leave_drift(shop),
        "BillhookCatchUpBehind": lambda: sql(
            CHECKPOINT, f"catch_up:{shop.connection_id}", '{"read_s": 1}', "0 h"
        ),
        "BillhookAuditOverdue": lambda: sql(
            CHECKPOINT, f"audit:{shop.connection_id}", "{}", "27 h"
        ),
        "BillhookWebhookEndpointUnhealthy": lambda: disable_endpoint(shop),
        "BillhookFollowerBehind": lambda: let_an_old_event_wait(watched),
        "BillhookFollowerStopped": lambda: sql(
            "INSERT INTO eventlog.follower_failures"
            " VALUES ('relay', 1, 'ValueError', 3, now(), now())"
        ),
    }


CHECKPOINT: Final = """
    INSERT INTO work.checkpoints SELECT %s, %s::jsonb, clock_timestamp() - %s::interval
"""


def leave_drift(shop: Shop) -> None:
    drift = drifted(
        occurred_at=datetime.now(UTC) - timedelta(hours=2),
        app_id=shop.app_id,
        connection=shop.connection,
    )
    shop.billing.save(drift)
    shop.service.wait_for_projection("drift")


def disable_endpoint(shop: Shop) -> None:
    health = WebhookHealth.observe(
        EndpointState(state=DISABLED, endpoint_id="we_1", problems=["is disabled"]),
        app_id=shop.app_id,
        connection=shop.connection,
        connection_id=shop.connection_id,
        provider="stripe",
        mode="test",
        actor="reconciliation",
        occurred_at=datetime.now(UTC),
    )
    shop.billing.save(health)
    shop.service.wait_for_projection("webhooks")


def skip(service: Service) -> None:
    command = SkipEvent(follower="apply", position=1, reason="unreadable", actor="operator")
    skipped = SkippedEvent.create(command, occurred_at=datetime.now(UTC))
    stored = [Codec().encode(event) for event in skipped.collect_events()]
    service.call(service.context.recording.log.append_async(stored))


def leave_delivery(shop: Shop, state: str, reason: str | None) -> None:
    shop.deliver(stripe_event())
    shop.service.wait_for_projection("deliveries")
    Watched(shop.service).sql(
        "UPDATE read.deliveries SET state = %s, reason = %s,"
        " received_at = received_at - interval '1 hour'",
        *(state, reason),
    )


def let_a_capture_be_due(watched: Watched, shop: Shop) -> None:
    shop.post("open")
    shop.service.wait_for_projection("invoices")
    watched.sql("UPDATE read.invoices SET capture_before = now() + interval '47 h'")


def forge(shop: Shop) -> None:
    for _ in range(5):
        shop.deliver(stripe_event(), secret="whsec_of_nobody")


def let_an_old_event_wait(watched: Watched) -> None:
    watched.sql("ALTER TABLE eventlog.events DISABLE TRIGGER USER")
    watched.sql("UPDATE eventlog.events SET recorded_at = recorded_at - interval '1 hour'")
    watched.sql("INSERT INTO eventlog.followers VALUES ('relay', 0, now())")


def test_a_read_only_database_and_refused_callers_fire(database: str) -> None:
    name = Identifier(str(conninfo_to_dict(database)["dbname"]))
    with psycopg.connect(database, autocommit=True) as session:
        session.execute(
            SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name)
        )
    with Service(database, projections=False) as service:
        watched = Watched(service)
        assert service.request("GET", "/readyz").json()["checks"]["database"] == "is read-only"
        assert watched.fires("BillhookDatabaseReadOnly")
        assert not watched.fires("BillhookErrors")

        def call() -> None:
            for _ in range(5):
                assert service.request("GET", "/readyz").status_code == 503

        assert watched.fires("BillhookErrors", call)


def test_a_missing_leader_fires_until_one_leads(database: str) -> None:
    with Service(database, projections=False) as service:
        missing = dict(watched_names(Watched(service).fires("BillhookLeaderMissing")))
    assert {"relay", "apply", "schedule", "invoices"} <= set(missing)
    with Service(database) as service:
        Shop(service)
        left = dict(watched_names(Watched(service).fires("BillhookLeaderMissing")))
    assert set(left) == {"relay", "apply", "schedule"}


def watched_names(firing: dict[Any, float]) -> Iterator[tuple[str, float]]:
    for labels, value in firing.items():
        yield dict(labels)["name"], value


def test_a_database_and_a_service_that_do_not_answer_fire(
    service_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.operations.system_watch._TIMEOUT_S", 0.2)
    nowhere = re.sub(r"dbname=\S+", "dbname=not_there", service_database)
    with Service(nowhere, projections=False, wait_for_tail=False) as lost:
        assert Watched(lost).fires("BillhookSystemStateUnknown")
    down = parse(RULES["BillhookDown"]["expr"])
    assert down.firing({}, {("up", ()): 0.0}, apart_s=APART_S)
    assert not down.firing({}, {("up", ()): 1.0}, apart_s=APART_S)
