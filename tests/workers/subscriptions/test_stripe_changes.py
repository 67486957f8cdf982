"""Test successive changes of a subscription, and changes at the period's end."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from domain.subscriptions.commands import CancelSubscription, ChangeSubscription
from domain.subscriptions.view import SubscriptionView
from tests.workers.stripe_harness import Bench
from tests.workers.subscriptions.test_stripe_subscriptions import (
    change_subscription,
    monthly,
    subscribed,
)


def change(bench: Bench, invoice_id: UUID, price: str, *, at_period_end: bool) -> SubscriptionView:
    lines = [{"price": price, "quantity": 1}]
    kind: Any = ChangeSubscription
    return change_subscription(
        bench, invoice_id, kind, at_period_end=at_period_end, lines=lines
    ).view


def cancel(bench: Bench, invoice_id: UUID, *, at_period_end: bool) -> SubscriptionView:
    return change_subscription(
        bench, invoice_id, CancelSubscription, at_period_end=at_period_end
    ).view


def renewals(bench: Bench, invoice_id: UUID, *, months: int) -> list[int]:
    """Advance some months; return the totals of all invoices, oldest first."""
    for _ in range(months):
        bench.account.admin.set_clock(advance_s=31 * 86400)
        for event in bench.events("customer.subscription."):
            received = bench.receive(event)
            bench.apply(received)
            bench.fetch(received)
    named = bench.invoice(invoice_id).view.subscription_id or ""
    listed = bench.account.v1.invoices.list({"subscription": named, "limit": 100}).data
    return [invoice.total for invoice in reversed(listed)]


def test_a_change_that_waits_is_called_off_by_an_end_with_the_period(bench: Bench) -> None:
    invoice_id = subscribed(bench)
    assert change(bench, invoice_id, monthly(bench, 2999), at_period_end=True).scheduled
    ending = cancel(bench, invoice_id, at_period_end=True)
    assert (ending.failure, ending.cancel_at) == (None, ending.period_end)
    assert ending.scheduled is None
    assert renewals(bench, invoice_id, months=2) == [1999]
    assert bench.subscription(invoice_id).view.status == "canceled"


def test_a_change_that_waits_is_called_off_by_a_change_now(bench: Bench) -> None:
    invoice_id = subscribed(bench)
    cheaper = monthly(bench, 999)
    change(bench, invoice_id, cheaper, at_period_end=True)
    changed = change(bench, invoice_id, monthly(bench, 1999), at_period_end=False)
    assert (changed.scheduled, changed.monthly_minor) == (None, 1999)
    assert renewals(bench, invoice_id, months=2)[1:] == [1999, 1999]


def test_another_change_can_be_scheduled_after_one_was_applied(bench: Bench) -> None:
    invoice_id = subscribed(bench)
    change(bench, invoice_id, monthly(bench, 2999), at_period_end=True)
    assert renewals(bench, invoice_id, months=1) == [1999, 2999]
    after = bench.subscription(invoice_id).view
    assert (after.scheduled, after.monthly_minor) == (None, 2999)
    again = change(bench, invoice_id, monthly(bench, 4999), at_period_end=True)
    assert (again.failure, again.monthly_minor) == (None, 2999)
    assert again.scheduled is not None
    assert renewals(bench, invoice_id, months=2) == [1999, 2999, 4999, 4999]


def test_another_change_replaces_a_scheduled_one(bench: Bench) -> None:
    invoice_id = subscribed(bench)
    change(bench, invoice_id, monthly(bench, 2999), at_period_end=True)
    again = change(bench, invoice_id, monthly(bench, 4999), at_period_end=True)
    assert again.failure is None
    assert renewals(bench, invoice_id, months=1) == [1999, 4999]


def test_taxes_outlast_a_change_at_the_period_s_end(bench: Bench) -> None:
    invoice_id = subscribed(bench, tax_rate_id=bench.account.tax_rate)
    change(bench, invoice_id, monthly(bench, 3000), at_period_end=True)
    assert renewals(bench, invoice_id, months=1) == [2419, 3630]


def test_a_paused_one_earns_nothing_until_it_goes_on(bench: Bench) -> None:
    invoice_id = subscribed(bench)
    named = bench.invoice(invoice_id).view.subscription_id or ""
    pause: Any = {"pause_collection": {"behavior": "void"}}
    bench.account.v1.subscriptions.update(named, pause)
    assert renewals(bench, invoice_id, months=1) == [1999, 1999]
    paused = bench.subscription(invoice_id).view
    assert (paused.status, paused.recurring_minor) == ("paused", 0)
    go_on: Any = {"pause_collection": ""}
    bench.account.v1.subscriptions.update(named, go_on)
    renewals(bench, invoice_id, months=1)
    assert bench.subscription(invoice_id).view.recurring_minor == 1999
    assert bench.account.charged() == [1999, 1999]


def test_a_change_with_the_next_period_is_refused_for_one_that_ends_with_its_period(
    bench: Bench,
) -> None:
    invoice_id = subscribed(bench)
    ending = cancel(bench, invoice_id, at_period_end=True)

    refused = change(bench, invoice_id, monthly(bench, 2999), at_period_end=True)

    assert refused.failure is not None
    assert (refused.failure.code, refused.failure.path) == ("ending", "when")
    assert (refused.cancel_at, refused.scheduled) == (ending.period_end, None)
    assert renewals(bench, invoice_id, months=2) == [1999]
    assert bench.subscription(invoice_id).view.status == "canceled"
