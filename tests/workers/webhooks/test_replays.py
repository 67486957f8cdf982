"""Applying an inbox's entry again: through the same path, and never twice what was done once."""

import asyncio
import copy
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from domain.core.aggregate import DomainEvent
from domain.inbox.provider_event import ProviderEvent
from eventlog.codec import Codec
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from projections.work.table import CloseJob, JobChange, OpenJob
from tests.support.wait_until import until
from tests.workers.stripe_harness import Bench
from tests.workers.webhooks.paid_flow import by_type, paid_flow
from workers.queue.reactions import changes_for
from workers.webhooks.apply import apply_follower


def id_of(received: RecordedEvent) -> UUID:
    """The entry's id."""
    return UUID(str(received.originator_id))


def stream(bench: Bench, received: RecordedEvent) -> list[RecordedEvent]:
    """Return all events of an entry."""
    return list(bench.log.stream(id_of(received)))


def replay(bench: Bench, received: RecordedEvent) -> RecordedEvent:
    """Request a replay; return the events that the applier follows."""
    answered_at = bench.clock()
    bench.billing.change(
        ProviderEvent,
        id_of(received),
        lambda known: known.request_replay(uuid4(), occurred_at=answered_at, actor="key:1"),
    )
    replays = stream(bench, received)[-1]
    assert replays.topic == "provider_event.replay_requested"
    return replays


def state(bench: Bench, invoice_id: UUID) -> tuple[object, ...]:
    view = bench.invoice(invoice_id).view
    return view.status, view.amount_paid_minor, view.failure, view.payments, view.next_action


@pytest.mark.parametrize("card", ["succeeds", "declined", "needs_authentication"])
def test_a_replay_of_an_applied_event_changes_nothing(bench: Bench, card: str) -> None:
    invoice_id = bench.request(bench.add_tenant(card))
    bench.charge(invoice_id)
    received = [bench.receive(event) for event in bench.provider_events()]
    bench.apply(*received)
    for entry in received:
        bench.fetch(entry)
    before = state(bench, invoice_id)

    for entry in reversed(received):
        bench.apply(replay(bench, entry))
        bench.fetch(entry)

    assert state(bench, invoice_id) == before
    for entry in received:
        topics = [recorded.topic for recorded in stream(bench, entry)]
        assert topics[-1] == "provider_event.applied"
        assert topics.count("provider_event.applied") == 2


def test_a_replay_is_applied_once_however_often_it_is_handled(bench: Bench) -> None:
    _, events = paid_flow(bench)
    received = bench.receive(by_type(events, "invoice.paid"))
    bench.apply(received)

    replays = [replay(bench, received), replay(bench, received)]
    bench.apply(received, *replays)
    bench.apply(*replays)

    topics = [recorded.topic for recorded in stream(bench, received)]
    assert topics.count("provider_event.applied") == 2


def test_an_event_replayed_before_it_was_applied_is_applied_once(bench: Bench) -> None:
    _, events = paid_flow(bench)
    received = bench.receive(by_type(events, "invoice.paid"))
    bench.apply(received, replay(bench, received))

    topics = [recorded.topic for recorded in stream(bench, received)]
    assert topics.count("provider_event.applied") == 1


def test_a_dead_letter_is_applied_once_its_invoice_exists(bench: Bench) -> None:
    invoice_id, events = paid_flow(bench)
    event = by_type(events, "invoice.paid")
    late = uuid4()
    event["data"]["object"]["metadata"]["billhook_invoice"] = str(late)
    received = bench.receive(event)
    bench.apply(received)
    assert stream(bench, received)[-1].topic == "provider_event.parked"

    tenant_id = bench.invoice(invoice_id).view.tenant_id
    assert tenant_id is not None
    bench.request(tenant_id, invoice_id=late)
    bench.start_creation(late)
    bench.apply(replay(bench, received))

    assert bench.entry(received).applied
    assert (bench.invoice(late).view.status, bench.invoice(late).view.amount_paid_minor) == (
        "paid",
        1999,
    )


def test_a_payload_that_could_not_be_read_is_read_again(bench: Bench) -> None:
    _, events = paid_flow(bench)
    odd: dict[str, Any] = copy.deepcopy(by_type(events, "invoice.paid"))
    odd["data"]["object"]["status"] = "from_a_later_version"
    received = bench.receive(odd)
    bench.apply(received)

    bench.apply(replay(bench, received))

    assert bench.entry(received).parked == 2
    assert b"unreadable" in stream(bench, received)[-1].state


def test_a_replay_that_needs_a_fetch_becomes_a_job(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant("needs_authentication"))
    view = bench.charge(invoice_id).view
    assert view.provider_object_id is not None
    bench.account.admin.fail_authentication(view.provider_object_id)
    event = [e for e in bench.provider_events() if e["type"] == "invoice.payment_failed"][-1]
    received = bench.receive(event)
    bench.apply(received)
    park(bench, received, "the provider was away")

    bench.apply(replay(bench, received))
    (opened,) = changes(bench, received)
    assert isinstance(opened, OpenJob)
    bench.fetch(received)
    (closed,) = changes(bench, received)
    assert closed == CloseJob(opened.key)

    assert bench.entry(received).applied
    assert bench.invoice(invoice_id).view.status == "failed"


def changes(bench: Bench, received: RecordedEvent) -> list[JobChange]:
    """Return the change of an entry's newest event in the work table."""
    return changes_for(cast("DomainEvent", Codec().decode(stream(bench, received)[-1])))


def park(bench: Bench, received: RecordedEvent, reason: str) -> None:
    """Give up the fetch, as a job does whose attempts are used up."""
    occurred_at = bench.clock()
    bench.billing.change(
        ProviderEvent,
        id_of(received),
        lambda known: known.park(reason, retry=False, occurred_at=occurred_at, actor="worker"),
    )


def test_the_applier_follows_requested_replays(bench: Bench) -> None:
    _, events = paid_flow(bench)
    received = bench.receive(by_type(events, "invoice.paid"))
    bench.apply(received)
    replay(bench, received)

    async def follow() -> None:
        log = await Log.open_async(bench.log.dsn)
        stop = asyncio.Event()
        running = asyncio.ensure_future(
            apply_follower(bench.log.dsn, log, now=bench.clock).run(stop)
        )
        await until(lambda: bench.entry(received).applied)
        stop.set()
        await running
        await log.close_async()

    asyncio.run(follow())
