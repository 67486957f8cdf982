"""Report of drift: what reconciliation found to differ, and how soon it was healed."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from projections.reconciliation.queries import DriftFilter, DriftRow, DriftSums
from service.auth.authenticate import authenticate
from service.http.errors import BadRequest, FieldError
from service.http.queries import clashes_with_csv, read_query, refuse_clashes
from service.http.responses import LAG_MS, document
from service.invoices.csv_export import Cell, csv_stream
from service.recording.read_your_writes import wait_until_folded
from service.reports import response_schemas as schemas
from service.reports.context import ReportsContext, context_of
from service.reports.periods import FIRST_DAY, start_of, today
from service.reports.schemas import DriftQuery

_PROJECTION: Final = "drift"
_DEFAULT_DAYS: Final = 30
_DAYS: Final = ("from_", "to", "timezone")
_NOT_OF_FILTER: Final = {*_DAYS, "field", "min_position", "format"}
COLUMNS: Final = tuple(known.alias or name for name, known in schemas.Drift.model_fields.items())
"""Columns of the drift report as CSV."""


async def get_drift(request: Request) -> Response:
    """Return the differences detected in a period, newest first, with counts and times to heal."""
    context = context_of(request)
    caller = await authenticate(request)
    query = read_query(DriftQuery, request.query_params)
    if query.format == "csv":
        refuse_clashes(clashes_with_csv(query))
    zone = query.timezone or caller.app.settings.time_zone
    start, end = period_of(query, context.now(), zone=zone)
    await wait_until_folded(context.recording, query.min_position, projection=_PROJECTION)
    headers = {LAG_MS: str(await context.readiness.lag_ms(_PROJECTION))}
    filters = to_filter(query, caller.app.app_id, start=start, end=end)
    if query.format == "csv":
        return await csv_stream(
            COLUMNS,
            context.drift.stream_drift(filters),
            row=_cells,
            name="drift",
            headers=headers,
        )
    return document(await _report(context, filters, zone=zone), headers)


def to_filter(query: DriftQuery, app_id: UUID, *, start: datetime, end: datetime) -> DriftFilter:
    """Build the filter of the read model."""
    fields: dict[str, Any] = query.model_dump(exclude=_NOT_OF_FILTER)
    fields["state"] = tuple(dict.fromkeys(fields["state"]))
    return DriftFilter(
        app_id=app_id,
        field_root=query.field,
        detected_from=start,
        detected_to=end,
        **fields,
    )


def item(row: DriftRow) -> schemas.Drift:
    """Build a difference."""
    is_invoice = row.object_type in ("invoice", "payment")
    return schemas.Drift(
        id=row.id,
        connection=row.connection,
        provider=row.provider,
        mode=row.mode,
        object_type=row.object_type,
        object_id=row.object_id,
        invoice_uuid=row.subject_id if is_invoice else None,
        field=row.field,
        ours=row.ours,
        theirs=row.theirs,
        found_by=row.found_by,
        state=row.state,
        reason=row.reason,
        since=row.since,
        detected_at=row.detected_at,
        resolved_at=row.resolved_at,
        time_to_heal_ms=row.heal_ms,
        position=row.position,
    )


def sums(row: DriftSums) -> schemas.DriftSums:
    """Build the sums of one connection, mode and cause."""
    return schemas.DriftSums(
        connection=row.connection,
        mode=row.mode,
        found_by=row.found_by,
        detected=row.detected,
        unresolved=row.unresolved,
        p50_time_to_heal_ms=row.p50_ms,
        p95_time_to_heal_ms=row.p95_ms,
        max_time_to_heal_ms=row.max_ms,
    )


async def _report(
    context: ReportsContext, filters: DriftFilter, *, zone: str
) -> schemas.DriftReport:
    found = await context.drift.list_drift(filters)
    items = [item(row) for row in found.rows]
    return schemas.DriftReport(
        kind="drift",
        total_items=found.total,
        total_items_is_exact=found.total_is_exact,
        items_length=len(items),
        items=items,
        next_cursor=found.next_cursor,
        sums=[sums(row) for row in await context.drift.sums(filters)],
        from_=filters.detected_from,
        to=filters.detected_to,
        timezone=zone,
    )


def period_of(query: DriftQuery, now: datetime, *, zone: str) -> tuple[datetime, datetime]:
    """Return the start of the first day, and of the one after the last. Raises BadRequest."""
    end = query.to or today(now, zone) + timedelta(days=1)
    first = query.from_ or max(end - timedelta(days=_DEFAULT_DAYS), FIRST_DAY)
    if first >= end:
        message = "from: is in the future" if query.to is None else f"to: must be after {first}"
        raise BadRequest(FieldError(message=message, path=message.partition(":")[0]))
    return start_of(first, zone), start_of(end, zone)


def _cells(row: DriftRow) -> list[Cell]:
    known = item(row).to_json()
    return [known[name] for name in COLUMNS]
