"""Build the responses of reports and of the event feed."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from projections.invoices.event_feed import AppChange
from projections.reports.queries import PeriodSums, RevenueRow, SummaryRow
from service.http.response_model import ResponseModel
from service.reports import response_schemas as schemas
from service.reports.periods import Bucket

_RATE_DIGITS: Final = 4
COLUMNS: Final = (
    "mode",
    "currency",
    "period",
    "start",
    "end",
    *(known.alias or name for name, known in schemas.PeriodSums.model_fields.items()),
)
"""Columns of the revenue report as CSV."""


def change(known: AppChange) -> schemas.Change:
    """Build an entry of the event feed."""
    subject = known.subject_id
    return schemas.Change(
        position=known.position,
        type=known.type,
        at=known.occurred_at,
        by=known.actor,
        invoice_uuid=subject if known.kind == "invoice" else None,
        subscription_uuid=subject if known.kind == "subscription" else None,
        tenant_uuid=subject if known.kind == "tenant" else None,
        data=known.data,
    )


def sums(row: SummaryRow) -> schemas.Sums:
    """Build the sums of one mode and currency."""
    return schemas.Sums(
        mode=row.mode,
        currency=row.currency,
        **_period_sums(row),
        outstanding_minor=row.outstanding_minor,
        outstanding_count=row.outstanding_count,
        overdue_minor=row.overdue_minor,
        overdue_count=row.overdue_count,
        mrr_minor=row.recurring_minor,
        active_subscriptions=row.recurring_count,
        unpriced_subscriptions=row.unpriced_count,
        usage_based_subscriptions=row.usage_based_count,
    )


def revenue(row: RevenueRow, buckets: Sequence[Bucket]) -> schemas.Revenue:
    """Build the revenue of one mode and currency, by bucket."""
    return schemas.Revenue(
        mode=row.mode,
        currency=row.currency,
        buckets=[
            schemas.Bucket(
                period=bucket.period, start=bucket.start, end=bucket.end, **_period_sums(sums)
            )
            for bucket, sums in zip(buckets, row.buckets, strict=True)
        ],
        totals=schemas.PeriodSums(**_period_sums(PeriodSums.total(row.buckets))),
    )


def csv_lines(
    items: Sequence[ResponseModel], columns: Sequence[str]
) -> Iterator[list[str | int | float | None]]:
    """Build one line per bucket; totals are left out."""
    for item in (item.to_json() for item in items):
        for bucket in item["buckets"]:
            known = {**item, **bucket}
            yield [known[name] for name in columns]


def _period_sums(known: PeriodSums) -> dict[str, Any]:
    """Return the fields of schemas.PeriodSums; the failure rate is null without an attempt."""
    rate = known.failure_rate
    return {
        "collected_minor": known.collected_minor,
        "collected_count": known.collected_count,
        "refunded_minor": known.refunded_minor,
        "refunded_count": known.refunded_count,
        "disputed_minor": known.disputed_minor,
        "disputed_count": known.disputed_count,
        "net_minor": known.net_minor,
        "attempts": known.attempts,
        "failed_attempts": known.refused_count,
        "failure_rate": None if rate is None else round(rate, _RATE_DIGITS),
    }
