from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from projections.invoices.event_feed import AppChange, AppChanges
from service.auth.authenticate import authenticate
from service.http.envelope import Json, moment
from service.http.queries import Position, ReadQuery, read_query
from service.http.responses import LAG_MS, document
from service.recording.read_your_writes import wait_until_folded
from service.reports.context import ReportsContext, context_of


class EventsQuery(ReadQuery):
    """Where the reader is, for how many seconds it would wait, how many changes it takes."""

    after: Position = 0
    wait: int = Field(0, ge=0, le=60)
    limit: int = Field(100, ge=1, le=1000)


async def list_app_events(request: Request) -> Response:
    """Give an app's changes in the order of the log, as soon as there are some.

    `position` is where to go on from: a reader that keeps it misses nothing.
    """
    context = context_of(request)
    caller = await authenticate(request)
    query = read_query(EventsQuery, request.query_params)
    await wait_until_folded(context.recording, query.min_position)
    found = await _changes(context, caller.app.app_id, query)
    lag_ms = await context.readiness.lag_ms("invoices")
    shown = {
        "kind": "events",
        "itemsLength": len(found.changes),
        "items": [_item(change) for change in found.changes],
        "position": found.position,
    }
    return document(shown, {LAG_MS: str(lag_ms)})


async def _changes(context: ReportsContext, app_id: UUID, query: EventsQuery) -> AppChanges:
    """Read what is there, else wait until something is. Another app's changes end no wait."""
    found = await context.changes.after(app_id, query.after, limit=query.limit)
    if found.changes or query.wait == 0:
        return found
    seconds = min(query.wait, context.settings.wait_max_s)
    try:
        async with context.recording.waits.wait(seconds):
            await context.changes.wait_for_some(app_id, query.after, timeout_s=seconds)
    except TimeoutError:
        # The service stops: the reader asks the next process.
        return found
    return await context.changes.after(app_id, query.after, limit=query.limit)


def _item(change: AppChange) -> Json:
    subject = str(change.subject_id)
    return {
        "position": change.position,
        "type": change.type,
        "at": moment(change.occurred_at),
        "by": change.actor,
        "invoiceUuid": subject if change.kind == "invoice" else None,
        "subscriptionUuid": subject if change.kind == "subscription" else None,
        "tenantUuid": subject if change.kind == "tenant" else None,
        "data": change.data,
    }
