"""Subscriptions that are asked for, and what happens to them, against the sandbox."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.subscriptions.commands import (
    CancelSubscription,
    ChangeSubscription,
    SubscriptionCommand,
)
from domain.subscriptions.items import RequestedPrice
from domain.subscriptions.subscription import Subscription
from eventlog.reading import RecordedEvent
from tests.workers.stripe_harness import Bench


def monthly(bench: Bench, amount: int = 1999, **recurring: Any) -> str:
    return bench.account.add_price(amount, recurring={"interval": "month", **recurring})


def subscribed(bench: Bench, card: str | None = "succeeds", **more: Any) -> UUID:
    invoice_id = bench.subscribe(bench.add_tenant(card), monthly(bench), **more)
    bench.charge(invoice_id)
    return invoice_id


def change_subscription(
    bench: Bench, invoice_id: UUID, kind: type[SubscriptionCommand], **more: Any
) -> Subscription:
    known = bench.subscription(invoice_id)
    facts: dict[str, Any] = {"request_hash": "hash", "actor": "key:test", **more}
    command = kind(subscription_id=known.id, request_id=uuid4(), **facts)
    bench.billing.request_subscription_action(command, occurred_at=bench.clock())
    return bench.change_subscription(known.id)


def test_a_subscription_runs_once_its_first_invoice_is_paid(bench: Bench) -> None:
    invoice_id = subscribed(
        bench, tax_rate_id=bench.account.tax_rate, quantity=2, description="Two seats"
    )
    view, running = bench.invoice(invoice_id).view, bench.subscription(invoice_id).view
    assert (view.status, view.total_minor, view.type) == ("paid", 4838, "subscription")
    assert view.subscription_id == running.provider_subscription_id
    assert (running.status, running.monthly_minor, running.invoice_id) == (
        "active",
        3998,
        invoice_id,
    )
    assert bench.account.charged() == [4838]
    there = bench.account.v1.subscriptions.retrieve(running.provider_subscription_id or "")
    assert there.description == "Two seats"


def test_a_declined_one_leaves_nothing_that_could_be_paid(bench: Bench) -> None:
    invoice_id = subscribed(bench, "declined")
    view, ended = bench.invoice(invoice_id).view, bench.subscription(invoice_id).view
    assert (view.status, ended.status) == ("void", "incomplete_expired")
    topics = bench.topics(invoice_id)
    assert topics.index("invoice.payment_failed") < topics.index("invoice.voided")
    failed = bench.invoice_events(invoice_id)[topics.index("invoice.payment_failed")]
    assert vars(failed)["code"] == "card_declined"
    assert bench.account.charged() == []


def test_one_that_needs_its_customer_waits_on_the_page(bench: Bench) -> None:
    invoice_id = subscribed(bench, "needs_authentication")
    view, waiting = bench.invoice(invoice_id).view, bench.subscription(invoice_id).view
    assert (view.status, waiting.status) == ("requires_action", "incomplete")
    assert view.next_action is not None
    assert waiting.recurring_minor == 0


def test_without_a_method_the_first_invoice_is_left_open(bench: Bench) -> None:
    invoice_id = subscribed(bench, None)
    view = bench.invoice(invoice_id).view
    assert (view.status, view.in_progress) == ("open", False)
    assert bench.subscription(invoice_id).view.status == "incomplete"


def test_one_time_prices_are_refused_before_anything_is_made(bench: Bench) -> None:
    invoice_id = bench.subscribe(bench.add_tenant(), bench.account.price)
    view = bench.charge(invoice_id).view
    assert view.status == "rejected"
    assert view.failure is not None
    assert view.failure.path == "lineItems.0.price"
    assert bench.account.v1.subscriptions.list({"status": "all"}).data == []


@pytest.mark.parametrize("expected", [2419, 1999])
def test_the_total_is_checked_before_anything_is_made(bench: Bench, expected: int) -> None:
    invoice_id = subscribed(
        bench, tax_rate_id=bench.account.tax_rate, expected_total_minor=expected
    )
    status = bench.invoice(invoice_id).view.status
    assert status == ("paid" if expected == 2419 else "rejected")
    made = bench.account.v1.subscriptions.list({"status": "all"}).data
    assert len(made) == (1 if expected == 2419 else 0)


def test_it_is_ended_with_its_period_or_now(bench: Bench) -> None:
    invoice_id = subscribed(bench)
    ending = change_subscription(bench, invoice_id, CancelSubscription, at_period_end=True).view
    assert (ending.status, ending.cancel_at) == ("active", ending.period_end)
    ended = change_subscription(bench, invoice_id, CancelSubscription, at_period_end=False).view
    assert (ended.status, ended.pending_request, ended.recurring_minor) == ("canceled", None, 0)


def test_its_plan_is_changed_now_or_with_the_next_period(bench: Bench) -> None:
    invoice_id = subscribed(bench)
    dearer, dearest = monthly(bench, 2999), monthly(bench, 4999)
    lines = [RequestedPrice(dearer, 1)]
    changed = change_subscription(
        bench, invoice_id, ChangeSubscription, at_period_end=False, lines=lines
    ).view
    assert (changed.monthly_minor, changed.scheduled) == (2999, None)
    lines = [RequestedPrice(dearest, 2)]
    waiting = change_subscription(
        bench, invoice_id, ChangeSubscription, at_period_end=True, lines=lines
    ).view
    assert (waiting.monthly_minor, waiting.pending_request) == (2999, None)
    assert waiting.scheduled is not None
    assert waiting.scheduled.lines == lines


def test_an_unknown_price_refuses_the_change(bench: Bench) -> None:
    invoice_id = subscribed(bench)
    lines = [RequestedPrice("price_unknown", 1)]
    after = change_subscription(
        bench, invoice_id, ChangeSubscription, at_period_end=False, lines=lines
    ).view
    assert (after.status, after.pending_request, after.monthly_minor) == ("active", None, 1999)
    assert after.failure is not None
    assert after.failure.path == "lineItems.0"


def test_renewals_are_imported_once_each_with_their_tenant(bench: Bench) -> None:
    invoice_id = subscribed(bench)
    received_by_id: dict[str, RecordedEvent] = {}
    for _ in range(3):  # the provider keeps its events for 30 days
        bench.account.admin.set_clock(advance_s=22 * 86400)
        events = bench.events("invoice.", "customer.subscription.")
        received_by_id |= {
            event["id"]: bench.receive(event)
            for event in events
            if event["id"] not in received_by_id
        }
    received = list(received_by_id.values())
    bench.apply(*received, *reversed(received))
    for entry in received:
        bench.fetch(entry)

    view = bench.invoice(invoice_id).view
    listed = bench.account.v1.invoices.list({"subscription": view.subscription_id or ""}).data
    assert len(listed) == 3
    for renewal in listed[:-1]:
        taken = bench.imported(renewal.id).view
        assert (taken.origin, taken.status, taken.tenant_id) == ("renewal", "paid", view.tenant_id)
        assert taken.subscription_id == view.subscription_id
        assert taken.amount_paid_minor == 1999
    assert bench.subscription(invoice_id).view.status == "active"
    assert all(bench.entry(entry).applied for entry in received)
