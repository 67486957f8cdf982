"""A year of a monthly subscription at Mollie: a failure, a chargeback, a refund of the dashboard.

What comes out is held against the sandbox's own ledger, added up here and by nothing of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, pairwise
from random import Random
from typing import Any, Final
from uuid import UUID

import pytest

from domain.invoices.view import InvoiceView
from domain.subscriptions.view import SubscriptionView
from eventlog import persistence
from eventlog.log import Log
from projections.reports.queries import SummaryRow
from tests.support.mollie_account import MollieAccount
from tests.support.postgres import Server
from tests.support.sandbox import SandboxProcess
from tests.workers.mollie_harness import MollieBench
from tests.workers.subscriptions.mollie_subscription_harness import Recurring
from tests.workers.subscriptions.year_reports import BEGINS, YEAR, revenue, set_clocks, summary
from workers.runtime import open_billing

GROSS: Final = 2419


@dataclass
class Year:
    """A subscriber's year."""

    bench: MollieBench
    database: str
    stream: UUID | None = None
    invoice_id: UUID | None = None
    summaries: dict[str, SummaryRow] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def recurring(self) -> Recurring:
        return Recurring(self.bench)

    @property
    def subscription(self) -> SubscriptionView:
        assert self.stream is not None
        return self.recurring.view(self.stream)

    def go_to(self, month: int, day: int, hour: int = 12) -> None:
        """Advance the clocks to then, and apply all payments' webhooks of both kinds, mixed."""
        set_clocks(self.bench, month, day, hour)
        webhooks = [
            (kind, one["id"]) for one in self.bench.payments() for kind in ("hint", "event")
        ]
        Random(month * day).shuffle(webhooks)  # noqa: S311 - the same order in every run
        for kind, payment in webhooks:
            if kind == "hint":
                self.recurring.receive_webhook(payment)
            else:
                name = f"event_{next(self.numbers)}"
                self.bench.event("payment.paid", payment, event_id=name)

    def report(self, moment: str) -> None:
        """Save the current summary under the moment's name."""
        self.summaries[moment] = summary(self.bench, self.database)

    def rows(self) -> list[InvoiceView]:
        """Our row of each payment, oldest first."""
        assert self.invoice_id is not None
        renewals = self.recurring.renewals(self.subscription)
        first = self.bench.invoice(self.invoice_id).view
        return [first, *(self.recurring.imported(one["id"]).view for one in renewals)]

    def ledger(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.bench.account.admin.ledger()["entries"]
        return entries


def live(year: Year) -> None:
    """Run the year."""
    admin, recurring = year.bench.account.admin, year.recurring
    year.go_to(1, 15)
    invoice = recurring.request(tax_rate_id="added")
    year.invoice_id, year.stream = UUID(str(invoice.id)), recurring.stream(invoice)
    recurring.pay(invoice)
    recurring.start(invoice)
    year.report("begun")
    for month in (2, 3):
        year.go_to(month, 16)
    admin.set_settings(next_outcomes=["failed"])
    year.go_to(4, 16)
    year.report("renewal failed")
    for month in (5, 6):
        year.go_to(month, 16)
    admin.chargeback(recurring.renewals(year.subscription)[1]["id"])
    year.go_to(7, 16)
    admin.refund(
        recurring.renewals(year.subscription)[5]["id"], amount={"currency": "EUR", "value": "5.00"}
    )
    for month in (8, 9, 10, 11, 12):
        year.go_to(month, 16)
    recurring.cancel(year.stream, at_period_end=True)
    year.report("ending")
    year.go_to(13, 16)
    recurring.watch(year.stream)
    year.report("ended")


@pytest.fixture(scope="module")
def year(postgres_server: Server, sandbox: SandboxProcess) -> Iterator[Year]:
    dbname = postgres_server.migrated_database()
    database = postgres_server.dsn(dbname)
    log = Log.open(database)
    with MollieAccount(sandbox.url) as account:
        lived = Year(MollieBench(log, open_billing(log, name="mollie-year"), account), database)
        live(lived)
        yield lived
    persistence.register("mollie-year", None)
    log.close()
    postgres_server.drop(dbname)


def test_there_are_twelve_payments_and_each_is_there_once(year: Year) -> None:
    rows = year.rows()
    assert [row.status for row in rows] == ["paid"] * 3 + ["failed"] + ["paid"] * 8
    assert [row.origin for row in rows] == ["request"] + ["renewal"] * 11
    assert {row.subscription_id for row in rows} == {year.subscription.provider_subscription_id}
    assert {row.tenant_id for row in rows} == {rows[0].tenant_id}
    assert {(row.total_minor, row.tax_minor) for row in rows} == {(GROSS, 420)}


def test_periods_follow_upon_each_other(year: Year) -> None:
    for before, after in pairwise(year.rows()[1:]):
        assert before.period_end == after.period_start


def test_each_payment_was_charged_once(year: Year) -> None:
    charged = [entry for entry in year.ledger() if entry["kind"] == "payment"]
    paid = [row.provider_object_id for row in year.rows() if row.status == "paid"]
    assert [entry["payment"] for entry in charged] == paid


def test_refunds_are_recorded_on_their_payments(year: Year) -> None:
    rows = year.rows()
    assert {row.amount_refunded_minor: index for index, row in enumerate(rows)}[500] == 6
    assert {row.amount_disputed_minor: index for index, row in enumerate(rows)}[GROSS] == 2
    assert sum(row.amount_refunded_minor for row in rows) == 500
    assert sum(row.amount_disputed_minor for row in rows) == GROSS


def test_the_summary_agrees_with_the_ledger_to_the_cent(year: Year) -> None:
    summary, sums = year.summaries["ended"], {"payment": 0, "refund": 0, "chargeback": 0}
    for entry in year.ledger():
        sums[entry["kind"]] += entry["amount"]
    assert summary.collected_minor == sums["payment"] == 11 * GROSS
    assert summary.refunded_minor == sums["refund"] == 500
    assert summary.disputed_minor == sums["chargeback"] == GROSS
    assert (summary.collected_count, summary.refused_count) == (11, 1)


def test_revenue_agrees_with_the_ledger_month_by_month(year: Year) -> None:
    taken, back = [0] * len(BEGINS), [0] * len(BEGINS)
    for entry in year.ledger():
        occurred_at = datetime.fromtimestamp(entry["at"], UTC)
        months = taken if entry["kind"] == "payment" else back
        if entry["kind"] != "chargeback":
            months[(occurred_at.year - YEAR) * 12 + occurred_at.month - 1] += entry["amount"]
    buckets = revenue(year.bench, year.database)
    assert [bucket.collected_minor for bucket in buckets] == taken
    assert sum(bucket.refunded_minor for bucket in buckets) == sum(back)


def test_the_monthly_revenue_follows_the_subscription(year: Year) -> None:
    assert {moment: summary.recurring_minor for moment, summary in year.summaries.items()} == {
        "begun": 1999,
        "renewal failed": 1999,
        "ending": 1999,
        "ended": 0,
    }
    assert year.summaries["renewal failed"].outstanding_minor == GROSS


def test_it_ended_with_its_twelfth_period(year: Year) -> None:
    view = year.subscription
    assert view.status == "canceled"
    assert view.ended_at == datetime(YEAR + 1, 1, 15, tzinfo=UTC)
