"""Test webhooks of an invoice: out of order, duplicate, late, or early."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

import pytest

from tests.workers.stripe_harness import Bench
from tests.workers.webhooks.paid_flow import by_type, paid_flow


def test_a_webhook_after_the_answer_confirms_and_changes_nothing(bench: Bench) -> None:
    invoice_id, events = paid_flow(bench)
    before = bench.invoice(invoice_id).view.status
    event = by_type(events, "invoice.paid")

    received = bench.receive(event)
    bench.apply(received)

    assert bench.invoice(invoice_id).view.status == before == "paid"
    applied = bench.log.stream(UUID(str(received.originator_id)))[-1]
    assert applied.topic == "provider_event.applied"
    assert b'"effect":"confirmed"' in applied.state.replace(b" ", b"")


def test_a_webhook_that_overtakes_the_recording_of_the_answer_settles_the_invoice(
    bench: Bench,
) -> None:
    invoice_id = bench.request(bench.add_tenant())
    save = bench.billing.save
    pending = bench.gateway.pay_invoice

    def pay_and_be_overtaken(*args: Any, **kwargs: Any) -> Any:
        answer = pending(*args, **kwargs)
        bench.apply(bench.receive(by_type(bench.provider_events(), "invoice.paid")))
        return answer

    bench.gateway.pay_invoice = pay_and_be_overtaken
    bench.charge(invoice_id)

    assert save is not None
    assert bench.invoice(invoice_id).view.status == "paid"
    assert bench.topics(invoice_id).count("invoice.payment_succeeded") == 1
    assert bench.account.charged() == [1999]


def test_a_paid_webhook_before_any_answer_records_every_event(bench: Bench) -> None:
    invoice_id, events = paid_flow(bench)
    fresh = forget_answers(bench, invoice_id)
    event = by_type(events, "invoice.paid")
    event["data"]["object"]["metadata"]["billhook_invoice"] = str(fresh)

    bench.apply(bench.receive(event))
    bench.charge(fresh)

    view = bench.invoice(fresh).view
    assert (view.status, view.total_minor, view.amount_paid_minor) == ("paid", 1999, 1999)
    assert view.provider_object_id == event["data"]["object"]["id"]
    assert bench.account.charged() == [1999]


def forget_answers(bench: Bench, invoice_id: UUID) -> UUID:
    """Request the same again, as if the first request's answers had never been recorded."""
    view = bench.invoice(invoice_id).view
    assert view.tenant_id is not None
    fresh = bench.request(view.tenant_id)
    bench.start_creation(fresh)
    return fresh


def test_the_same_delivery_twice_is_applied_once(bench: Bench) -> None:
    invoice_id, events = paid_flow(bench)
    received = bench.receive(by_type(events, "invoice.paid"))

    bench.apply(received, received)
    bench.apply(received)

    assert len(bench.log.stream(UUID(str(received.originator_id)))) == 2
    assert bench.invoice(invoice_id).view.status == "paid"


def test_a_stale_webhook_is_on_the_timeline_only(bench: Bench) -> None:
    invoice_id, events = paid_flow(bench)
    version = bench.invoice(invoice_id).version

    received = bench.receive(by_type(events, "invoice.created"))
    bench.apply(received)

    assert bench.invoice(invoice_id).version == version
    assert bench.entry(received).applied


@pytest.mark.parametrize("card", ["succeeds", "declined", "needs_authentication"])
def test_any_order_and_any_doubles_end_in_the_same_row(bench: Bench, card: str) -> None:
    invoice_id = bench.request(bench.add_tenant(card))
    before = bench.charge(invoice_id).view
    events = bench.provider_events()
    order = random.Random(7)  # noqa: S311 - a repeatable shuffle

    received = [bench.receive(event) for event in events]
    for _ in range(5):
        order.shuffle(received)
        bench.apply(*received, *order.choices(received, k=3))
    fetch_parked(bench, received)

    after = bench.invoice(invoice_id).view
    assert (after.status, after.amount_paid_minor, after.failure) == (
        before.status,
        before.amount_paid_minor,
        before.failure,
    )
    assert all(bench.entry(entry).applied for entry in received)


def fetch_parked(bench: Bench, received: list[Any]) -> None:
    for entry in received:
        bench.fetch(entry)


def test_after_the_customer_confirmed_the_webhook_makes_it_paid(bench: Bench) -> None:
    invoice_id = bench.request(bench.add_tenant("needs_authentication"))
    view = bench.charge(invoice_id).view
    assert view.provider_object_id is not None
    bench.account.admin.confirm(view.provider_object_id)

    bench.apply(bench.receive(by_type(bench.provider_events(), "invoice.paid")))

    after = bench.invoice(invoice_id).view
    assert (after.status, after.amount_paid_minor, after.next_action) == ("paid", 1999, None)


def test_an_invoice_created_at_the_provider_is_imported_unassigned(bench: Bench) -> None:
    customer = bench.account.add_customer()
    made = bench.account.v1.invoices.create({"customer": customer, "description": "By hand"})

    received = bench.receive(by_type(bench.provider_events(), "invoice.created"))
    bench.apply(received)
    bench.fetch(received)

    view = bench.imported(made.id).view
    assert (view.status, view.origin, view.tenant_id) == ("draft", "provider", None)
    assert (view.description, view.customer) == ("By hand", customer)
