"""Query reports from stored sums.

What comes in month after month is a sum over subscriptions, kept by their own projection; the
summary reads it beside what is kept of invoices.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from psycopg.sql import SQL, Literal

from projections.engine.pool import ReadPool
from projections.reports.report_rows import PeriodSums, ReportFilter, RevenueRow, SummaryRow
from projections.reports.time_units import (
    FOREVER,
    RANGES,
    WANTED,
    quarter_of,
    range_parameters,
    wanted_parameters,
)

__all__ = [
    "REVENUE",
    "SUMMARY",
    "PeriodSums",
    "ReportFilter",
    "ReportQueries",
    "RevenueRow",
    "SummaryRow",
    "revenue_parameters",
    "summary_parameters",
]

_PERIOD_TAG: Final = 0
_OVERDUE_TAG: Final = 1
_OF_FILTERS: Final = SQL(
    """
app_id = %(app_id)s
    AND (%(mode)s::text IS NULL OR mode = %(mode)s)
    AND (%(currency)s::text IS NULL OR currency = %(currency)s)
    AND (%(provider)s::text IS NULL OR provider = %(provider)s)
    AND (%(connection)s::text IS NULL OR connection = %(connection)s)
"""
)
# What an app ever had money in: few rows, each the beginning of ranges of sums.
_KEPT: Final = SQL(
    """
kept AS MATERIALIZED (
    SELECT mode, currency, provider, connection, kind, amount_minor, items
    FROM read.invoice_totals
    WHERE {of_filters}
)
"""
).format(of_filters=_OF_FILTERS)
# A subquery of its own for each range, so that each reads no more than its part of the key.
_SUMS: Final = SQL(
    """
ranges AS range CROSS JOIN LATERAL (
    SELECT sum(amount_minor) AS amount_minor, sum(items)::bigint AS items
    FROM read.invoice_sums
    WHERE app_id = %(app_id)s AND kind = kept.kind
        AND mode = kept.mode AND currency = kept.currency
        AND provider = kept.provider AND connection = kept.connection
        AND unit = range.unit AND number >= range.first AND number < range."end"
) AS part
"""
)
# Each kind of sum from its own rows. What came in and went back at all times is kept as totals; of
# a period it is added up. What is overdue is what was due before this quarter.
SUMMARY: Final = SQL(
    """
WITH {kept}, {ranges}, total AS (
    SELECT mode, currency, kind, sum(amount_minor) AS amount_minor, sum(items)::bigint AS items
    FROM kept WHERE kind = ANY(%(of_all_times)s) GROUP BY mode, currency, kind
), period AS (
    SELECT kept.mode, kept.currency, kept.kind,
        coalesce(sum(part.amount_minor), 0) AS amount_minor,
        coalesce(sum(part.items), 0)::bigint AS items
    FROM kept CROSS JOIN {sums}
    WHERE kept.kind = ANY(%(of_period)s) AND range.tag = {period}
    GROUP BY kept.mode, kept.currency, kept.kind
), overdue AS (
    SELECT kept.mode, kept.currency, 'overdue' AS kind,
        coalesce(sum(part.amount_minor), 0) AS amount_minor,
        coalesce(sum(part.items), 0)::bigint AS items
    FROM kept CROSS JOIN {sums}
    WHERE kept.kind = 'outstanding' AND range.tag = {overdue}
    GROUP BY kept.mode, kept.currency
), recurring AS (
    SELECT mode, currency, 'recurring' AS kind,
        sum(recurring_minor) AS amount_minor, sum(active)::bigint AS items,
        sum(unpriced)::bigint AS unpriced, sum(usage_based)::bigint AS usage_based
    FROM read.subscription_sums
    WHERE {of_filters}
    GROUP BY mode, currency
)
SELECT mode, currency, kind, amount_minor, items FROM total
UNION ALL SELECT mode, currency, kind, amount_minor, items FROM period
UNION ALL SELECT mode, currency, kind, amount_minor, items FROM overdue
UNION ALL SELECT mode, currency, kind, amount_minor, items FROM recurring
UNION ALL SELECT mode, currency, 'unpriced', 0, unpriced FROM recurring
UNION ALL SELECT mode, currency, 'usage_based', 0, usage_based FROM recurring
ORDER BY mode, currency, kind
"""
).format(
    kept=_KEPT,
    ranges=RANGES,
    sums=_SUMS,
    of_filters=_OF_FILTERS,
    period=Literal(_PERIOD_TAG),
    overdue=Literal(_OVERDUE_TAG),
)
# A row without a bucket for each mode and currency; of each provider and connection a row for each
# bucket. What they have in a bucket is added up by the reader: to sort it all here took longer.
REVENUE: Final = SQL(
    """
WITH {kept}, {wanted}
SELECT mode, currency, NULL AS kind, NULL::int AS bucket, 0 AS amount_minor, 0::bigint AS items
FROM kept GROUP BY mode, currency
UNION ALL
SELECT kept.mode, kept.currency, kept.kind, part.bucket, part.amount_minor, part.items
FROM kept CROSS JOIN LATERAL (
    SELECT width_bucket(number * wanted.quarters, %(begins)s::bigint[]) - 1 AS bucket,
        sum(amount_minor) AS amount_minor, sum(items)::bigint AS items
    FROM wanted CROSS JOIN LATERAL (
        SELECT number, amount_minor, items
        FROM read.invoice_sums
        WHERE app_id = %(app_id)s AND kind = kept.kind
            AND mode = kept.mode AND currency = kept.currency
            AND provider = kept.provider AND connection = kept.connection
            AND unit = wanted.unit AND number = ANY(wanted.numbers)
    ) AS one
    GROUP BY bucket
) AS part
WHERE kept.kind = ANY(%(of_period)s)
"""
).format(kept=_KEPT, wanted=WANTED)
_PERIODIC: Final = ("collected", "refunded", "disputed", "refused")


class ReportQueries:
    """Questions to the sums. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def summary(
        self, filters: ReportFilter, *, now: datetime, first: datetime | None, end: datetime | None
    ) -> list[SummaryRow]:
        """Return a row for each mode and currency that the app has ever had money in.

        `first` is included, `end` is not; both begin a quarter of an hour. Without them, collected
        and refunded amounts are of all times. Outstanding and overdue are always as of `now`;
        recurring revenue is of the newest snapshot.
        """
        return await self._summed(summary_parameters(filters, now=now, first=first, end=end))

    async def totals(self, filters: ReportFilter) -> list[SummaryRow]:
        """Return what `summary` has of all times, from kept totals alone: nothing is overdue."""
        return await self._summed(summary_parameters(filters, now=None, first=None, end=None))

    async def _summed(self, parameters: dict[str, object]) -> list[SummaryRow]:
        sums: dict[tuple[str, str], dict[str, int]] = {}
        for row in await self._pool.fetch(SUMMARY, parameters):
            known = sums.setdefault((row["mode"], row["currency"]), {})
            known[f"{row['kind']}_minor"] = int(row["amount_minor"])
            known[f"{row['kind']}_count"] = row["items"]
        return [
            SummaryRow(mode=mode, currency=currency, **known)
            for (mode, currency), known in sums.items()
        ]

    async def revenue(
        self, filters: ReportFilter, *, begins: Sequence[datetime], end: datetime
    ) -> list[RevenueRow]:
        """Return a row for each mode and currency that the app has ever had money in.

        `begins`: 1 or more beginnings of buckets in order, each the end of the one before it; the
        last one ends at `end`. All begin a quarter of an hour.
        """
        parameters = revenue_parameters(filters, begins, end=end)
        sums: dict[tuple[str, str], dict[int, dict[str, int]]] = {}
        for row in await self._pool.fetch(REVENUE, parameters, is_generic=True):
            known = sums.setdefault((row["mode"], row["currency"]), {})
            if row["bucket"] is not None:
                bucket = known.setdefault(row["bucket"], {})
                amount, count = f"{row['kind']}_minor", f"{row['kind']}_count"
                bucket[amount] = bucket.get(amount, 0) + int(row["amount_minor"])
                bucket[count] = bucket.get(count, 0) + row["items"]
        return [
            RevenueRow(
                mode=mode,
                currency=currency,
                buckets=[PeriodSums(**known.get(number, {})) for number in range(len(begins))],
            )
            for (mode, currency), known in sorted(sums.items())
        ]


def summary_parameters(
    filters: ReportFilter, *, now: datetime | None, first: datetime | None, end: datetime | None
) -> dict[str, object]:
    """Return SUMMARY's parameters: totals, or the sums of a period; overdue before `now`."""
    always = first is None and end is None
    periods = [] if now is None else [(_OVERDUE_TAG, -FOREVER, quarter_of(now) + 1)]
    if not always:
        first_quarter = -FOREVER if first is None else quarter_of(first)
        periods.append((_PERIOD_TAG, first_quarter, FOREVER if end is None else quarter_of(end)))
    return {
        **vars(filters),
        **range_parameters(periods),
        "of_all_times": ["outstanding", *(_PERIODIC if always else ())],
        "of_period": [] if always else list(_PERIODIC),
    }


def revenue_parameters(
    filters: ReportFilter, begins: Sequence[datetime], *, end: datetime
) -> dict[str, object]:
    """Return REVENUE's parameters: units of all buckets, and where each bucket begins."""
    quarters = [quarter_of(moment) for moment in begins]
    return {
        **vars(filters),
        **wanted_parameters(quarters, end=quarter_of(end)),
        "of_period": list(_PERIODIC),
    }
