"""The months of a subscriber's year, and reports of an app's invoices during it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from projections.reports.queries import PeriodSums, ReportFilter, ReportQueries, SummaryRow
from tests.projections.harness import projecting
from tests.workers.mollie_harness import MollieBench
from tests.workers.stripe_harness import Bench

YEAR: Final = 2027
ENDS: Final = datetime(YEAR + 1, 2, 1, tzinfo=UTC)
MONTHS: Final = [datetime(YEAR, month, 1, tzinfo=UTC) for month in range(1, 13)]
BEGINS: Final = [*MONTHS, datetime(YEAR + 1, 1, 1, tzinfo=UTC)]
T = TypeVar("T")


def set_clocks(bench: Bench | MollieBench, month: int, day: int, hour: int) -> None:
    """Set our clock and the provider's to a day; month 13 is the next January."""
    moment = datetime(YEAR + (month - 1) // 12, (month - 1) % 12 + 1, day, hour, tzinfo=UTC)
    bench.account.admin.set_clock(now=int(moment.timestamp()), frozen=True)
    bench.clock.added = moment - datetime.now(UTC)


def summary(bench: Bench | MollieBench, database: str) -> SummaryRow:
    """Return the app's one summary, by its clock."""

    async def read(reports: ReportQueries) -> list[SummaryRow]:
        filters = ReportFilter(app_id=bench.app_id, mode="test")
        return await reports.summary(filters, now=bench.clock(), first=None, end=None)

    (row,) = asyncio.run(_projected(bench, database, read))
    return row


def revenue(bench: Bench | MollieBench, database: str) -> list[PeriodSums]:
    """Return the revenue report by month."""

    async def read(reports: ReportQueries) -> list[PeriodSums]:
        filters = ReportFilter(app_id=bench.app_id, mode="test", currency="eur")
        (row,) = await reports.revenue(filters, begins=BEGINS, end=ENDS)
        return row.buckets

    return asyncio.run(_projected(bench, database, read))


async def _projected(
    bench: Bench | MollieBench, database: str, read: Callable[[ReportQueries], Awaitable[T]]
) -> T:
    async with projecting(database) as books:
        for name in ("invoices", "subscriptions"):
            assert await books.invoices.wait_for(name, bench.log.head(), 10)
        return await read(ReportQueries(books.pool))
