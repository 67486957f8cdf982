"""Test the revenue report against sums computed by hand, in several time zones."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.gateway.objects import ProviderDispute, ProviderRefund, RefundsAndDisputes
from domain.invoices.invoice import Invoice
from projections.reports.queries import PeriodSums, ReportFilter, ReportQueries, RevenueRow
from service.reports.periods import Interval, buckets_of
from tests.projections.generations.rebuilds import rebuilt
from tests.projections.harness import Reading, confirm, pay, projecting
from tests.projections.random_events import AT
from tests.projections.reports.report_events import bill, close, fail

# Clocks put forward or back at any hour of the night, by half an hour too; quarters away from UTC.
ZONES = [
    "UTC",
    "Africa/Cairo",
    "America/Havana",
    "America/St_Johns",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Chatham",
]
FIRST, LAST = datetime(2026, 2, 25, tzinfo=UTC), datetime(2026, 12, 5, tzinfo=UTC)
# A lost dispute may still be won; nothing undoes the last of these.
_RANKS = {"pending": 0, "succeeded": 1, "failed": 2, "open": 0, "lost": 1, "won": 2}
_changes_of_clocks = [
    datetime(2026, month, day, tzinfo=UTC)
    for month, days in ((3, (8, 28, 29)), (4, (4, 23, 24)), (10, (3, 24, 25, 29)), (11, (1,)))
    for day in days
]
moments = st.builds(
    lambda day, second: day + timedelta(seconds=second),
    st.sampled_from(_changes_of_clocks)
    | st.datetimes(
        FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC)
    ).map(lambda moment: moment.replace(microsecond=0)),
    st.integers(-12 * 3600, 36 * 3600),
)


@dataclass
class History:
    """History of one invoice: the provider's actions with their times, and its snapshots."""

    mode: str
    currency: str
    connection: str
    total_minor: int
    refused: list[datetime]
    paid_at: datetime | None
    updates: list[ProviderRefund | ProviderDispute]

    def histories_(self, app_id: UUID) -> Invoice:
        """The invoice; we hear of everything late, and of some things twice or in another order."""
        invoice = bill(
            self.total_minor,
            app_id=app_id,
            mode=self.mode,
            currency=self.currency,
            connection=self.connection,
        )
        for refused_at in self.refused:
            fail(invoice, occurred_at=LAST, as_of=refused_at)
        if self.paid_at is None:
            close(invoice, occurred_at=LAST)
            return invoice
        pay(invoice, occurred_at=self.paid_at)
        confirm(invoice, occurred_at=LAST)
        for update in self.updates:
            if isinstance(update, ProviderRefund):
                back = RefundsAndDisputes(refunds=(update,))
            else:
                back = RefundsAndDisputes(disputes=(update,))
            invoice.record_refunds_and_disputes(
                back, source="webhook", actor="webhook:evt_1", occurred_at=LAST
            )
        return invoice

    def facts(self) -> Iterator[tuple[str, datetime, int]]:
        """Compute the expected sums by hand."""
        for refused_at in self.refused:
            yield "refused", refused_at, self.total_minor
        if self.paid_at is None:
            return
        yield "collected", self.paid_at, self.total_minor
        last: dict[str, ProviderRefund | ProviderDispute] = {}
        for update in self.updates:
            if update.id not in last or _RANKS[update.state] > _RANKS[last[update.id].state]:
                last[update.id] = update
        for update in last.values():
            if isinstance(update, ProviderRefund) and update.state == "succeeded":
                yield (
                    "refunded",
                    datetime.fromtimestamp(update.refunded_at, UTC),
                    update.amount_minor,
                )
            elif isinstance(update, ProviderDispute) and update.state != "won":
                yield (
                    "disputed",
                    datetime.fromtimestamp(update.disputed_at, UTC),
                    update.amount_minor,
                )


@st.composite
def updates(draw: st.DrawFn) -> list[ProviderRefund | ProviderDispute]:
    updates_: list[ProviderRefund | ProviderDispute] = []
    for number in range(draw(st.integers(0, 3))):
        at_s, amount = int(draw(moments).timestamp()), draw(st.integers(1, 500))
        is_refund = draw(st.booleans())
        for state in draw(
            st.lists(
                st.sampled_from(
                    ["pending", "succeeded", "failed"] if is_refund else ["open", "won", "lost"]
                ),
                min_size=1,
                max_size=4,
            )
        ):
            facts: dict[str, Any] = {"state": state, "amount_minor": amount}
            updates_.append(
                ProviderRefund(id=f"re_{number}", refunded_at=at_s, **facts)
                if is_refund
                else ProviderDispute(id=f"dp_{number}", disputed_at=at_s, **facts)
            )
    return draw(st.permutations(updates_))


histories = st.builds(
    History,
    mode=st.sampled_from(["live", "test"]),
    currency=st.sampled_from(["eur", "usd"]),
    connection=st.sampled_from(["main", "second"]),
    total_minor=st.integers(1, 10**6),
    refused=st.lists(moments, max_size=2),
    paid_at=st.none() | moments,
    updates=updates(),
)
days = st.dates(FIRST.date(), LAST.date())
periods = st.tuples(days, days).filter(lambda both: both[0] < both[1])


def named(interval: Interval, day: date) -> str:
    if interval == "day":
        return str(day)
    return day.strftime("%G-W%V" if interval == "week" else "%Y-%m")


def by_hand(
    histories_: Sequence[History], interval: Interval, period: tuple[date, date], zone: str
) -> dict[tuple[str, str], Counter[tuple[str, str]]]:
    """The sums and counts by mode and currency, of each kind in each bucket that has any."""
    sums: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    for history in histories_:
        known = sums.setdefault((history.mode, history.currency), Counter())
        for kind, moment, amount_minor in history.facts():
            day = moment.astimezone(ZoneInfo(zone)).date()
            if period[0] <= day < period[1]:
                known[f"{kind}_minor", named(interval, day)] += amount_minor
                known[f"{kind}_count", named(interval, day)] += 1
    return sums


async def report(
    books: Reading, filters: ReportFilter, interval: Interval, period: tuple[date, date], zone: str
) -> dict[tuple[str, str], Counter[tuple[str, str]]]:
    buckets = buckets_of(interval, *period, zone=zone)
    begins = [bucket.start for bucket in buckets]
    queries = ReportQueries(books.pool)
    rows = await queries.revenue(filters, begins=begins, end=buckets[-1].end)
    await assert_the_summary_agrees(queries, filters, rows, begins[0], buckets[-1].end)
    return {
        (row.mode, row.currency): Counter(
            {
                (field, bucket.period): value
                for bucket, turnover in zip(buckets, row.buckets, strict=True)
                for field, value in vars(turnover).items()
                if value
            }
        )
        for row in rows
    }


async def assert_the_summary_agrees(
    queries: ReportQueries,
    filters: ReportFilter,
    rows: list[RevenueRow],
    first: datetime,
    end: datetime,
) -> None:
    summary = await queries.summary(filters, now=LAST, first=first, end=end)
    assert [(row.mode, row.currency) for row in rows] == [(r.mode, r.currency) for r in summary]
    for row, summed in zip(rows, summary, strict=True):
        total = PeriodSums.total(row.buckets)
        assert vars(total).items() <= vars(summed).items()


@settings(max_examples=10)
@given(
    histories_=st.lists(histories, min_size=1, max_size=5),
    interval=st.sampled_from(["day", "week", "month"]),
    period=periods,
    zone=st.sampled_from(ZONES),
)
def test_the_report_equals_sums_computed_by_hand(
    database: str,
    histories_: list[History],
    interval: Interval,
    period: tuple[date, date],
    zone: str,
) -> None:
    app_id = uuid4()

    async def scenario() -> None:
        async with projecting(database) as books:
            await books.append_and_project(*(history.histories_(app_id) for history in histories_))
            filters = ReportFilter(app_id=app_id)
            assert await report(books, filters, interval, period, zone) == by_hand(
                histories_, interval, period, zone
            )
            of_one = ReportFilter(app_id=app_id, connection="second", mode="test")
            chosen = [one for one in histories_ if (one.connection, one.mode) == ("second", "test")]
            assert await report(books, of_one, interval, period, zone) == by_hand(
                chosen, interval, period, zone
            )

    asyncio.run(scenario())


def test_a_rebuild_finds_the_same_sums(database: str) -> None:
    app_id, period = uuid4(), (date(2026, 3, 1), date(2026, 4, 1))
    refund = ProviderRefund(
        id="re_1", state="succeeded", amount_minor=30, refunded_at=int(FIRST.timestamp())
    )
    dispute = ProviderDispute(
        id="dp_1", state="open", amount_minor=20, disputed_at=int(FIRST.timestamp())
    )
    occurred_at = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    histories_ = [
        History("test", "eur", "main", 100, [occurred_at], occurred_at, [refund, dispute])
    ]

    async def scenario() -> None:
        async with projecting(database) as books:
            await books.append_and_project(*(history.histories_(app_id) for history in histories_))
            filters = ReportFilter(app_id=app_id)
            for _ in range(2):
                found = await report(books, filters, "day", period, "Europe/Berlin")
                assert found == by_hand(histories_, "day", period, "Europe/Berlin")
                assert (await rebuilt(database)).differing == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe"])
def test_an_app_with_open_invoices_only_gets_zeros(database: str, zone: str) -> None:
    app_id = uuid4()

    async def scenario() -> None:
        async with projecting(database) as books:
            await books.append_and_project(bill(100, app_id=app_id))
            buckets = buckets_of("day", AT.date(), AT.date() + timedelta(days=3), zone=zone)
            (row,) = await ReportQueries(books.pool).revenue(
                ReportFilter(app_id=app_id),
                begins=[bucket.start for bucket in buckets],
                end=buckets[-1].end,
            )
            assert (row.mode, row.currency, row.buckets) == ("test", "eur", [PeriodSums()] * 3)

    asyncio.run(scenario())
