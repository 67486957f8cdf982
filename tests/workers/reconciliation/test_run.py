"""The scheduler's run: what is due starts, a provider in trouble rests, a gap is audited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from structlog.testing import capture_logs

from domain.apps.commands import SetConnection
from domain.apps.connection import Connection, secret_context
from eventlog.security.vault import Vault
from projections.operations.reconciliation_state import AUDIT_INTERVAL
from tests.eventlog.stored_events import stored
from tests.service.running_service import MASTER_KEY
from tests.support.wait_until import until
from tests.workers.reconciliation.nets import DAY_S, Nets
from tests.workers.reconciliation.sealed_connection import connect, settings
from tests.workers.stripe_harness import Bench
from tests.workers.test_schedule import project
from workers.reconciliation import run as run_module
from workers.reconciliation.connection_nets import SharedParts
from workers.reconciliation.known_objects import load
from workers.reconciliation.open_items import place_items
from workers.reconciliation.run import Reconciler
from workers.reconciliation.shared_parts import open_parts
from workers.settings import Settings


@pytest.fixture
def connection(stripe_nets: Nets, bench: Bench) -> Connection:
    """Seal the account's key as the connection's."""
    assert stripe_nets.connection.name == bench.connection
    return connect(bench)


@pytest.fixture
def parts(bench: Bench, database: str, redis_url: str) -> Iterator[SharedParts]:
    known = settings(database, bench.account.url, redis_url=redis_url)
    with open_parts(Settings(**known)) as opened:
        yield replace(opened, now=bench.clock)


@pytest.fixture
def reconciler(parts: SharedParts) -> Iterator[Reconciler]:
    made = Reconciler(parts)
    yield made
    made.close()


def checkpoint(nets: Nets, name: str) -> dict[str, Any]:
    return nets.checkpoints.find(f"{name}:{nets.connection.connection_id}") or {}


def run(reconciler: Reconciler, connection: Connection, done: Callable[[], object]) -> None:
    """Start what is due until something is done; each look is as late as all parts are due."""
    now_s = time.monotonic()

    def look() -> object:
        nonlocal now_s
        now_s += 3600
        reconciler.start_due(connection, now_s=now_s)
        return done()

    asyncio.run(until(look))


def test_what_is_due_runs_and_a_gap_in_the_events_is_audited(
    stripe_nets: Nets, bench: Bench, connection: Connection, reconciler: Reconciler
) -> None:
    run(reconciler, connection, lambda: checkpoint(stripe_nets, "catch_up"))
    assert checkpoint(stripe_nets, "audit") == {}, "the first audit is due after a day"
    made = bench.account.admin.make_invoice(
        bench.account.add_customer(), amount=700, currency="eur", collect="now"
    )
    bench.clock.added += timedelta(days=40)
    bench.account.admin.set_clock(advance_s=40 * DAY_S)

    run(reconciler, connection, lambda: checkpoint(stripe_nets, "audit_gap").get("finished"))
    run(reconciler, connection, lambda: checkpoint(stripe_nets, "audit").get("finished"))

    found = [entry.received for entry in stripe_nets.entries()]
    assert [(one.object_id, one.found_by) for one in found] == [(made["id"], "audit")]
    stripe_nets.heal()
    assert bench.imported(made["id"]).view.status == "paid"


def test_a_provider_in_trouble_rests_and_goes_on(
    stripe_nets: Nets, bench: Bench, connection: Connection, reconciler: Reconciler
) -> None:
    for status in (429, 500):
        bench.account.admin.add_fault("status", status=status, method="GET", times=4)
    started_s = time.monotonic()
    with capture_logs() as logs:
        reconciler.start_due(connection, now_s=started_s)
        asyncio.run(until(lambda: "reconciliation.rests" in [one["event"] for one in logs]))
        bench.account.admin.forget_requests()
        reconciler.start_due(connection, now_s=time.monotonic())
    assert bench.account.admin.requests() == []
    bench.account.admin.drop_faults()
    run(reconciler, connection, lambda: checkpoint(stripe_nets, "catch_up"))


def test_nothing_of_another_account_is_imported(
    stripe_nets: Nets, bench: Bench, connection: Connection, reconciler: Reconciler, database: str
) -> None:
    bench.charge(bench.request(bench.add_tenant()))
    asyncio.run(project(database, bench, until="invoices"))
    right = connection.sealed_key
    context = secret_context(bench.app_id, bench.connection)
    other = set_key(
        bench, connection, Vault([MASTER_KEY]).seal(f"{bench.account.key}other", context=context)
    )
    with capture_logs() as logs:
        reconciler.start_due(other, now_s=time.monotonic())
        asyncio.run(until(lambda: "reconciliation.rests" in [one["event"] for one in logs]))
    assert any("key of the connection's account" in one.get("reason", "") for one in logs)
    assert checkpoint(stripe_nets, "catch_up") == {}

    again = set_key(bench, connection, right)
    run(reconciler, again, lambda: checkpoint(stripe_nets, "catch_up"))


def set_key(bench: Bench, connection: Connection, sealed_key: str) -> Connection:
    command = SetConnection(
        app_id=bench.app_id,
        name=connection.name,
        provider="stripe",
        mode="test",
        sealed_key=sealed_key,
        sealed_webhook_secrets=[],
        actor="t",
    )
    return bench.billing.set_connection(
        command, new_connection_id=bench.connection_id, occurred_at=bench.clock()
    )


def test_a_part_that_always_fails_does_not_starve_the_others(
    stripe_nets: Nets, bench: Bench, connection: Connection, reconciler: Reconciler
) -> None:
    bench.account.admin.add_fault("status", status=500, path="/v1/events", times=1000)
    invoice_id = bench.request(bench.add_tenant("needs_authentication"))
    at_provider = bench.charge(invoice_id).view.provider_object_id or ""
    bench.account.admin.confirm(at_provider)
    bench.clock.added += timedelta(days=2)

    run(reconciler, connection, lambda: checkpoint(stripe_nets, "audit").get("finished"))

    assert checkpoint(stripe_nets, "catch_up") == {}
    assert at_provider in [entry.received.object_id for entry in stripe_nets.entries()]


def test_an_item_whose_events_cannot_be_read_keeps_no_other_from_its_connection(
    bench: Bench, connection: Connection, database: str, parts: SharedParts
) -> None:
    readable = bench.request(bench.add_tenant("needs_authentication"))
    unreadable = uuid4()
    bench.log.append([stored(unreadable, topic="invoice.requested")])
    with psycopg.connect(database, autocommit=True) as known:
        for subject in (readable, unreadable):
            known.execute(
                "INSERT INTO work.open_items (subject, part, reported_at, due_at)"
                " VALUES (%s, '', now(), now())",
                [subject],
            )
        with capture_logs() as logs:
            place_items(parts.items, lambda ids: load(bench.log, ids), limit=9)
        placed = known.execute("SELECT subject, connection FROM work.open_items").fetchall()
    assert dict(placed) == {readable: connection.connection_id, unreadable: None}
    assert [one["subject"] for one in logs] == [str(unreadable)]


def test_what_is_unexpected_ends_no_role_of_the_process(
    reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[None] = []

    def fail(*_: object, **__: object) -> int:
        looks.append(None)
        raise KeyError("unexpected")

    monkeypatch.setattr(run_module, "place_items", fail)
    monkeypatch.setattr(run_module, "_CONNECTIONS_EVERY_S", 0)
    monkeypatch.setattr(run_module, "_TICK_S", 0)

    async def scenario() -> None:
        running = asyncio.create_task(reconciler.run())
        await until(lambda: running.done() or len(looks) > 1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())
    assert len(looks) > 1


def test_the_interval_of_audits_is_stated_for_alerts(
    stripe_nets: Nets, reconciler: Reconciler
) -> None:
    reconciler.store_audit_interval()
    assert stripe_nets.checkpoints.find(AUDIT_INTERVAL) == {"seconds": 86_400}
