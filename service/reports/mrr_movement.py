"""Report of the movement of monthly recurring revenue."""

from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from projections.reports.recurring_movements import KINDS
from projections.reports.recurring_queries import RecurringPeriod, RecurringRow
from service.auth.authenticate import authenticate
from service.http.queries import read_query
from service.http.responses import LAG_MS, document
from service.invoices.csv_export import csv_file
from service.recording.read_your_writes import wait_until_folded
from service.reports import response_schemas as schemas
from service.reports.context import context_of
from service.reports.endpoints import requested_buckets
from service.reports.periods import Bucket
from service.reports.render import csv_lines
from service.reports.schemas import MrrMovementQuery

_PROJECTION: Final = "subscriptions"
COLUMNS: Final = (
    "mode",
    "currency",
    "period",
    "start",
    "end",
    *(known.alias or name for name, known in schemas.MrrMovement.model_fields.items()),
)
"""Columns of the report as CSV."""


async def get_mrr_movement(request: Request) -> Response:
    """Return recurring revenue at the start and end of each bucket, and what moved it."""
    context = context_of(request)
    caller = await authenticate(request)
    query = read_query(MrrMovementQuery, request.query_params)
    zone = query.timezone or caller.app.settings.time_zone
    buckets = requested_buckets(query, context.now(), zone=zone)
    await wait_until_folded(context.recording, query.min_position, projection=_PROJECTION)
    headers = {LAG_MS: str(await context.readiness.lag_ms(_PROJECTION))}
    rows = await context.recurring.moved(
        query.filter_of(caller.app.app_id),
        begins=[bucket.start for bucket in buckets],
        end=buckets[-1].end,
    )
    items = [_item(row, buckets) for row in rows]
    if query.format == "csv":
        return csv_file(COLUMNS, csv_lines(items, COLUMNS), name="mrr-movement", headers=headers)
    report = schemas.MrrMovementReport(
        kind="mrr_movement",
        total_items=len(items),
        items_length=len(items),
        items=items,
        from_=buckets[0].start,
        to=buckets[-1].end,
        interval=query.interval,
        timezone=zone,
    )
    return document(report, headers)


def _item(row: RecurringRow, buckets: Sequence[Bucket]) -> schemas.MrrMovements:
    return schemas.MrrMovements(
        mode=row.mode,
        currency=row.currency,
        buckets=[
            schemas.MrrBucket(
                period=bucket.period, start=bucket.start, end=bucket.end, **_fields(moved)
            )
            for bucket, moved in zip(buckets, row.buckets, strict=True)
        ],
        totals=schemas.MrrMovement(**_fields(RecurringPeriod.total(row.buckets))),
    )


def _fields(moved: RecurringPeriod) -> dict[str, Any]:
    """Return the fields of schemas.MrrMovement."""
    kinds: dict[str, int] = {}
    for kind in KINDS:
        one = moved.of(kind)
        kinds |= {f"{kind}_minor": one.amount_minor, f"{kind}_count": one.items}
    return {
        "start_mrr_minor": moved.start_minor,
        **kinds,
        "net_minor": moved.net_minor,
        "end_mrr_minor": moved.end_minor,
    }
