"""What reports say, from the sums that are kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.sql import SQL

from projections.pool import ReadPool
from projections.sums import quarter_of


@dataclass(frozen=True)
class SummaryRow:
    """An app's sums in one currency and mode; `…_count` counts invoices, or refunds."""

    mode: str
    currency: str
    collected_minor: int
    collected_count: int
    refunded_minor: int
    refunded_count: int
    outstanding_minor: int
    outstanding_count: int
    overdue_minor: int
    overdue_count: int


# Each kind of sum from its own rows. Collected and refunded of all times are kept as totals; of a
# period they are added up from its quarters. What is overdue is what was due before this quarter.
SUMMARY: Final = SQL(
    """
WITH total AS (
    SELECT mode, currency, kind, amount_minor, items FROM read.invoice_totals
    WHERE app_id = %(app_id)s AND kind = ANY(%(of_all_times)s)
), period AS (
    SELECT kept.mode, kept.currency, kept.kind,
        coalesce(sum(quarter.amount_minor), 0) AS amount_minor,
        coalesce(sum(quarter.items), 0)::bigint AS items
    FROM read.invoice_totals AS kept
    LEFT JOIN read.invoice_quarters AS quarter
        ON quarter.app_id = kept.app_id AND quarter.kind = kept.kind
        AND quarter.mode = kept.mode AND quarter.currency = kept.currency
        AND quarter.quarter >= %(first)s AND quarter.quarter < %(end)s
    WHERE kept.app_id = %(app_id)s AND kept.kind = ANY(%(of_period)s)
    GROUP BY kept.mode, kept.currency, kept.kind
), overdue AS (
    SELECT quarter.mode, quarter.currency, 'overdue' AS kind,
        sum(quarter.amount_minor) AS amount_minor, sum(quarter.items)::bigint AS items
    FROM read.invoice_quarters AS quarter
    WHERE quarter.app_id = %(app_id)s AND quarter.kind = 'outstanding' AND quarter.items <> 0
        AND quarter.quarter <= %(now)s
    GROUP BY quarter.mode, quarter.currency
)
SELECT mode, currency, kind, amount_minor, items FROM total
UNION ALL SELECT mode, currency, kind, amount_minor, items FROM period
UNION ALL SELECT mode, currency, kind, amount_minor, items FROM overdue
ORDER BY mode, currency, kind
"""
)
_PERIODIC: Final = ("collected", "refunded")
_BEFORE_ALL: Final = -(2**40)
_KINDS: Final = (*_PERIODIC, "outstanding", "overdue")


class ReportQueries:
    """Questions to the sums. Each may raise ReadModelUnavailable."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def summary(
        self, app_id: UUID, *, now: datetime, first: datetime | None, end: datetime | None
    ) -> list[SummaryRow]:
        """Return a row for each mode and currency that the app has ever had money in.

        `first` is included, `end` is not; both begin a quarter of an hour. Without them,
        collected and refunded are of all times. Outstanding and overdue are always as of `now`.
        """
        asked = summary_parameters(app_id, now=now, first=first, end=end)
        sums: dict[tuple[str, str], dict[str, int]] = {}
        for row in await self._pool.fetch(SUMMARY, asked):
            known = sums.setdefault((row["mode"], row["currency"]), _nothing())
            known[f"{row['kind']}_minor"] = int(row["amount_minor"])
            known[f"{row['kind']}_count"] = row["items"]
        return [SummaryRow(mode, currency, **known) for (mode, currency), known in sums.items()]


def summary_parameters(
    app_id: UUID, *, now: datetime, first: datetime | None, end: datetime | None
) -> dict[str, object]:
    """Say to SUMMARY which sums are asked for: totals, or the quarters of a period."""
    always = first is None and end is None
    return {
        "app_id": app_id,
        "of_all_times": ["outstanding", *(_PERIODIC if always else ())],
        "of_period": [] if always else list(_PERIODIC),
        "first": _BEFORE_ALL if first is None else quarter_of(first),
        "end": -_BEFORE_ALL if end is None else quarter_of(end),
        "now": quarter_of(now),
    }


def _nothing() -> dict[str, int]:
    return {f"{kind}_{unit}": 0 for kind in _KINDS for unit in ("minor", "count")}
