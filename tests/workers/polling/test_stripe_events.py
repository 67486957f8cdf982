"""Test polling of Stripe's events without webhooks: each is applied once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Literal
from uuid import UUID, uuid4

import pytest

from domain.apps.commands import CreateApp, SetConnection
from domain.apps.connection import Connection
from domain.core import ids
from domain.inbox.provider_event import ProviderEventReceived
from eventlog.reading import RecordedEvent
from projections.work.checkpoints import Checkpoints
from tests.workers.stripe_harness import Bench
from workers.errors import OperatorError
from workers.polling.events import EventPoller
from workers.polling.run import run_poll
from workers.providers.stripe.event_list import StripeEventList
from workers.reconciliation.inbox import ReconciliationInbox
from workers.settings import Settings


@pytest.fixture
def checkpoints(bench: Bench) -> Iterator[Checkpoints]:
    kept = Checkpoints(bench.log.dsn)
    kept.open()
    yield kept
    kept.close()


@pytest.fixture
def connection(bench: Bench) -> Connection:
    return connected(bench, mode="test")


def connected(bench: Bench, *, mode: Literal["live", "test"]) -> Connection:
    create = CreateApp(app_id=bench.app_id, name="Tea", slug="tea", actor="t")
    bench.billing.create_app(create, occurred_at=bench.clock())
    command = SetConnection(
        app_id=bench.app_id,
        name=bench.connection,
        provider="stripe",
        mode=mode,
        sealed_key="sealed",
        sealed_webhook_secrets=[],
        actor="t",
    )
    return bench.billing.set_connection(
        command, new_connection_id=bench.connection_id, occurred_at=bench.clock()
    )


def test_a_connection_in_live_mode_is_not_polled(bench: Bench) -> None:
    connected(bench, mode="live")
    settings = Settings(database_url=bench.log.dsn)
    with pytest.raises(OperatorError, match="test mode"):
        asyncio.run(
            run_poll(settings, asyncio.Event(), app_id=bench.app_id, connection=bench.connection)
        )


def start(bench: Bench, connection: Connection, checkpoints: Checkpoints) -> EventPoller:
    """A poller as a new process makes it."""
    return EventPoller(
        inbox=ReconciliationInbox(
            connection=connection,
            billing=bench.billing,
            streams=bench.log,
            found_by="event_catch_up",
            now=bench.clock,
        ),
        events=StripeEventList(bench.account.key, api_base=bench.account.url, mode="test"),
        checkpoints=checkpoints,
    )


def received(bench: Bench) -> list[RecordedEvent]:
    return bench.log.read(0, 1000, [ProviderEventReceived.TOPIC])


def waiting_invoice(bench: Bench) -> UUID:
    invoice_id = bench.request(bench.add_tenant("needs_authentication"))
    assert bench.charge(invoice_id).view.status == "requires_action"
    return invoice_id


def test_an_invoice_that_is_confirmed_on_the_page_becomes_paid(
    bench: Bench, connection: Connection, checkpoints: Checkpoints
) -> None:
    poller = start(bench, connection, checkpoints)
    poller.poll()
    invoice_id = waiting_invoice(bench)
    bench.account.admin.confirm(bench.invoice(invoice_id).view.provider_object_id or "")
    assert poller.poll() > 0
    bench.apply(*received(bench))
    for entry in received(bench):
        bench.fetch(entry)
    assert bench.invoice(invoice_id).view.status == "paid"


def test_a_stored_event_is_not_stored_again(
    bench: Bench, connection: Connection, checkpoints: Checkpoints
) -> None:
    poller = start(bench, connection, checkpoints)
    poller.poll()
    bench.charge(bench.request(bench.add_tenant()))
    by_webhook = bench.provider_events()[0]
    bench.receive(by_webhook)
    assert poller.poll() > 0
    before = received(bench)
    assert poller.poll() == 0
    assert start(bench, connection, checkpoints).poll() == 0
    assert received(bench) == before
    named = [entry.originator_id for entry in before]
    assert len(named) == len(set(named))
    assert ids.for_provider_event(bench.connection_id, "test", by_webhook["id"]) in named


def test_events_between_two_polls_are_found(
    bench: Bench, connection: Connection, checkpoints: Checkpoints
) -> None:
    start(bench, connection, checkpoints).poll()
    bench.account.admin.set_clock(advance_s=7200)
    bench.charge(bench.request(bench.add_tenant()))
    bench.account.admin.set_clock(advance_s=7200)
    assert start(bench, connection, checkpoints).poll() > 0


def test_events_before_the_first_poll_are_ignored(
    bench: Bench, connection: Connection, checkpoints: Checkpoints
) -> None:
    bench.charge(bench.request(bench.add_tenant()))
    bench.account.admin.set_clock(advance_s=7200)
    bench.account.add_customer(None)
    assert start(bench, connection, checkpoints).poll() == 0
    assert checkpoints.find(f"events:{bench.connection_id}") is not None
    assert checkpoints.find(f"events:{uuid4()}") is None


def test_secrets_are_cut_and_the_claim_is_kept(
    bench: Bench, connection: Connection, checkpoints: Checkpoints
) -> None:
    poller = start(bench, connection, checkpoints)
    poller.poll()
    invoice_id = waiting_invoice(bench)
    poller.poll()
    entries = [bench.entry(entry).received for entry in received(bench)]
    about = [entry for entry in entries if entry.type == "invoice.finalized"]
    assert [entry.invoice_id for entry in about] == [invoice_id]
    for entry in entries:
        assert entry.actor == "reconciliation"
        assert b"_secret_" not in (bench.log.body(bytes.fromhex(entry.body)) or b"")


def test_the_object_of_an_event_of_another_version_is_fetched(bench: Bench) -> None:
    invoice_id = waiting_invoice(bench)
    bench.account.admin.confirm(bench.invoice(invoice_id).view.provider_object_id or "")
    (paid,) = [event for event in bench.provider_events() if event["type"] == "invoice.paid"]
    older = {"api_version": "2020-08-27"}
    entry = bench.receive(paid | older)
    bench.apply(entry)
    assert bench.invoice(invoice_id).view.status == "requires_action"
    bench.fetch(entry)
    assert bench.invoice(invoice_id).view.status == "paid"
