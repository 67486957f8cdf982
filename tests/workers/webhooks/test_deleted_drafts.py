"""Test webhooks about drafts that were deleted: no dead letter, as nobody could do anything."""

from __future__ import annotations

from uuid import UUID

import pytest

from eventlog.reading import RecordedEvent
from tests.workers.stripe_harness import Bench
from tests.workers.webhooks.paid_flow import by_type, paid_flow


def stream_of(bench: Bench, received: RecordedEvent) -> list[RecordedEvent]:
    return bench.log.stream(UUID(str(received.originator_id)))


def test_events_of_a_draft_that_a_rejection_deleted_need_no_fetch(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant(), expected_total_minor=1)
    assert bench.charge(invoice_id).view.status == "rejected"
    received = [bench.receive(event) for event in bench.provider_events()]

    bench.apply(*received)

    assert {event.topic for one in received for event in stream_of(bench, one)} == {
        "provider_event.received",
        "provider_event.applied",
    }
    assert bench.invoice(invoice_id).view.status == "rejected"


@pytest.mark.parametrize("prefix", ["invoice.created", "invoice."])
def test_a_draft_made_and_deleted_at_the_provider_before_its_webhooks_has_no_effect(
    bench: Bench, prefix: str
) -> None:
    customer = bench.account.add_customer()
    made = bench.account.v1.invoices.create({"customer": customer, "description": "By hand"})
    bench.account.v1.invoices.delete(made.id)
    received = [bench.receive(event) for event in bench.events(prefix)]

    bench.apply(*received)
    for one in received:
        bench.fetch(one)

    assert [bench.entry(one).applied for one in received] == [True] * len(received)


def test_a_draft_of_ours_that_was_deleted_during_the_request_has_no_effect(bench: Bench) -> None:
    bench.charge(bench.request(bench.add_tenant(), expected_total_minor=1))
    created = bench.receive(by_type(bench.provider_events(), "invoice.created"))

    bench.fetch(created)  # parked while the request ran

    assert bench.entry(created).applied


def test_an_issued_invoice_that_the_provider_does_not_have_is_a_dead_letter(bench: Bench) -> None:
    _, events = paid_flow(bench)
    event = by_type(events, "invoice.paid")
    event["data"]["object"] |= {"id": "in_of_another_account", "metadata": {}}
    received = bench.receive(event)

    bench.apply(received)
    bench.fetch(received)

    assert not bench.entry(received).applied
    assert b"no longer has the object" in stream_of(bench, received)[-1].state
