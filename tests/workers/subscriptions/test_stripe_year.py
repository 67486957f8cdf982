"""A year of a monthly subscription by the moved clock, as its webhooks and jobs tell it.

What comes out is held against the sandbox's own ledger, added up here and by nothing of ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.core import ids
from domain.inbox.provider_event import ProviderEvent
from domain.invoices.invoice import Invoice
from domain.invoices.view import InvoiceView
from domain.subscriptions.commands import (
    CancelSubscription,
    ChangeSubscription,
    SubscriptionCommand,
)
from domain.subscriptions.items import RequestedPrice
from domain.subscriptions.view import SubscriptionView
from eventlog import persistence
from eventlog.log import Log
from projections.reports.queries import SummaryRow
from tests.support.postgres import Server
from tests.support.sandbox import SandboxProcess
from tests.support.stripe_account import CARDS, Account
from tests.workers.stripe_harness import Bench
from tests.workers.subscriptions.year_reports import BEGINS, YEAR, revenue, set_clocks, summary
from workers.runtime import open_billing


@dataclass
class Year:
    """A subscriber's year, and the reports at chosen moments."""

    bench: Bench
    database: str
    customer: str = ""
    invoice_id: UUID = field(default_factory=uuid4)
    summaries: dict[str, SummaryRow] = field(default_factory=dict)
    standing: dict[str, str] = field(default_factory=dict)

    @property
    def subscription(self) -> SubscriptionView:
        """Our row of it."""
        return self.bench.subscription(self.invoice_id).view

    @property
    def at_provider(self) -> str:
        """Its id at the provider."""
        return self.subscription.provider_subscription_id

    def go_to(self, month: int, day: int, hour: int = 12) -> None:
        """Advance our clock and the provider's to then, and apply the webhooks.

        All is told twice and out of order.
        """
        before = int(self.bench.account.admin.clock()["now"])
        set_clocks(self.bench, month, day, hour)
        events = self.bench.events("invoice.", "customer.subscription.", since=before)
        Random(month * day).shuffle(events)  # noqa: S311 - the same order in every run
        known = self.bench.billing
        received = [
            self.bench.receive(event)
            for event in events
            if known.find(ProviderEvent, self._entry(event)) is None
        ]
        self.bench.apply(*received, *received)
        for one in received * 2:
            self.bench.fetch(one)

    def _entry(self, event: dict[str, Any]) -> UUID:
        return ids.for_provider_event(self.bench.connection_id, "test", event["id"])

    def pay_with(self, card: str) -> None:
        """Set another default card."""
        v1 = self.bench.account.v1
        method = v1.payment_methods.attach(CARDS[card], {"customer": self.customer}).id
        v1.subscriptions.update(self.at_provider, {"default_payment_method": method})

    def request_action(self, kind: type[SubscriptionCommand], **more: Any) -> None:
        """Request an action on the subscription, and carry it out."""
        known = self.bench.subscription(self.invoice_id).id
        facts: dict[str, Any] = {"request_hash": "hash", "actor": "key:test", **more}
        command = kind(subscription_id=known, request_id=uuid4(), **facts)
        self.bench.billing.request_subscription_action(command, occurred_at=self.bench.clock())
        assert self.bench.change_subscription(known).view.failure is None

    def report(self, moment: str) -> None:
        """Save the current summary and the subscription's status under the moment's name."""
        self.standing[moment] = self.subscription.status
        self.summaries[moment] = summary(self.bench, self.database)

    def rows(self) -> list[InvoiceView]:
        """Our row of each invoice that the provider has, oldest first."""
        listed = self.bench.account.v1.invoices.list({"customer": self.customer, "limit": 100})
        found = []
        for invoice in reversed(listed.data):
            taken_in = ids.for_provider_object(
                self.bench.app_id, self.bench.connection_id, "test", invoice.id
            )
            first = self.bench.invoice(self.invoice_id).view
            known = self.bench.billing.find(Invoice, taken_in)
            if first.provider_object_id == invoice.id:
                assert known is None, "what was asked for is not taken in a second time"
                found.append(first)
            else:
                assert known is not None
                found.append(known.view)
        return found


def live(year: Year) -> None:
    """Run the year."""
    bench = year.bench
    year.go_to(1, 15)
    tenant_id = bench.add_tenant()
    price = bench.account.add_price(1999, recurring={"interval": "month"})
    year.invoice_id = bench.subscribe(tenant_id, price, tax_rate_id=bench.account.tax_rate)
    view = bench.charge(year.invoice_id).view
    year.customer = str(view.customer)
    year.report("begun")
    for month in (2, 3):
        year.go_to(month, 16)
    year.pay_with("declined")
    year.go_to(4, 16)
    year.report("renewal failed")
    year.pay_with("succeeds")
    year.go_to(4, 19)
    year.report("recovered")
    for month in (5, 6):
        year.go_to(month, 16)
    dearer = bench.account.add_price(2999, recurring={"interval": "month"})
    lines = [RequestedPrice(dearer, 1)]
    year.request_action(ChangeSubscription, at_period_end=False, lines=lines)
    year.report("changed")
    for month in (7, 8, 9, 10, 11, 12):
        year.go_to(month, 16)
    year.request_action(CancelSubscription, at_period_end=True)
    year.report("ending")
    year.go_to(13, 16)
    year.report("ended")


@pytest.fixture(scope="module")
def year(postgres_server: Server, sandbox: SandboxProcess) -> Iterator[Year]:
    dbname = postgres_server.migrated_database()
    database = postgres_server.dsn(dbname)
    log = Log.open(database)
    with Account(sandbox.url) as account:
        lived = Year(Bench(log, open_billing(log, name="year"), account), database)
        live(lived)
        yield lived
    persistence.register("year", None)
    log.close()
    postgres_server.drop(dbname)


def ledger(year: Year) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = year.bench.account.admin.ledger()["entries"]
    return entries


def test_there_are_twelve_invoices_and_each_is_there_once(year: Year) -> None:
    rows = year.rows()
    assert [row.status for row in rows] == ["paid"] * 12
    assert [row.origin for row in rows] == ["request"] + ["renewal"] * 11
    assert {row.subscription_id for row in rows} == {year.at_provider}
    assert {row.tenant_id for row in rows} == {rows[0].tenant_id}
    assert [row.amount_paid_minor for row in rows] == [row.total_minor for row in rows]
    assert Counter(row.total_minor for row in rows).most_common(2) == [(2419, 6), (3629, 5)]


def test_periods_follow_upon_each_other(year: Year) -> None:
    renewals = year.rows()[1:]
    for before, after in pairwise(renewals):
        assert before.period_end == after.period_start


def test_each_invoice_was_charged_once_and_for_its_total(year: Year) -> None:
    charged = {entry["invoice"]: entry["amount"] for entry in ledger(year)}
    assert len(charged) == len(ledger(year)) == 12
    assert charged == {row.provider_object_id: row.total_minor for row in year.rows()}


def test_one_renewal_failed_and_was_recovered_with_another_card(year: Year) -> None:
    failed = year.rows()[3]
    topics = year.bench.topics(failed.id)
    assert topics.count("invoice.payment_failed") == 1
    assert topics.count("invoice.payment_succeeded") == 1
    assert year.standing["renewal failed"] == "past_due"
    assert year.standing["recovered"] == "active"
    assert year.summaries["renewal failed"].outstanding_minor == 2419
    assert year.summaries["recovered"].outstanding_minor == 0


def test_the_summary_agrees_with_the_ledger_to_the_cent(year: Year) -> None:
    summary = year.summaries["ended"]
    assert summary.collected_minor == sum(entry["amount"] for entry in ledger(year))
    assert (summary.collected_count, summary.refused_count) == (12, 1)
    assert (summary.outstanding_minor, summary.overdue_minor, summary.refunded_minor) == (0, 0, 0)
    assert (summary.mode, summary.currency) == ("test", "eur")


def test_revenue_agrees_with_the_ledger_month_by_month(year: Year) -> None:
    by_month = [0] * len(BEGINS)
    for entry in ledger(year):
        occurred_at = datetime.fromtimestamp(entry["at"], UTC)
        by_month[(occurred_at.year - YEAR) * 12 + occurred_at.month - 1] += entry["amount"]
    buckets = revenue(year.bench, year.database)
    assert [bucket.collected_minor for bucket in buckets] == by_month
    assert [bucket.net_minor for bucket in buckets] == by_month
    assert by_month[12] == 0


def test_the_monthly_revenue_is_net_of_tax_and_follows_plan_and_end(year: Year) -> None:
    assert {moment: summary.recurring_minor for moment, summary in year.summaries.items()} == {
        "begun": 1999,
        "renewal failed": 1999,
        "recovered": 1999,
        "changed": 2999,
        "ending": 2999,
        "ended": 0,
    }


def test_it_ended_with_its_twelfth_period(year: Year) -> None:
    view = year.subscription
    assert view.status == "canceled"
    assert view.ended_at is not None
    assert view.ended_at - datetime(YEAR + 1, 1, 15, 12, tzinfo=UTC) < timedelta(minutes=5)
    assert year.standing["ending"] == "active"
