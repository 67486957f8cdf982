from uuid import UUID

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from projections.invoices.event_feed import AppChanges
from service.auth.authenticate import authenticate
from service.http.queries import Position, ReadQuery, read_query
from service.http.responses import LAG_MS, document
from service.recording.read_your_writes import wait_until_folded
from service.reports import render as reports_render
from service.reports.context import ReportsContext, context_of
from service.reports.response_schemas import Changes


class EventsQuery(ReadQuery):
    """Query of the event feed: position, seconds to wait, number of events."""

    after: Position = 0
    wait: int = Field(0, ge=0, le=60)
    limit: int = Field(100, ge=1, le=1000)


async def list_app_events(request: Request) -> Response:
    """Return an app's events in the order of the log, as soon as there are some.

    A caller that passes `position` as `after` of its next request misses nothing.
    """
    context = context_of(request)
    caller = await authenticate(request)
    query = read_query(EventsQuery, request.query_params)
    await wait_until_folded(context.recording, query.min_position)
    found = await _changes(context, caller.app.app_id, query)
    lag_ms = await context.readiness.lag_ms("invoices")
    items = [reports_render.change(change) for change in found.changes]
    shown = Changes(kind="events", items_length=len(items), items=items, position=found.position)
    return document(shown, {LAG_MS: str(lag_ms)})


async def _changes(context: ReportsContext, app_id: UUID, query: EventsQuery) -> AppChanges:
    """Read the events, or wait for some. Other apps' events do not end the wait."""
    found = await context.changes.after(app_id, query.after, limit=query.limit)
    if found.changes or query.wait == 0:
        return found
    seconds = min(query.wait, context.settings.wait_max_s)
    try:
        async with context.recording.waits.wait(seconds):
            await context.changes.wait_for_some(app_id, query.after, timeout_s=seconds)
    except TimeoutError:
        # The service stops; the caller continues with another process.
        return found
    return await context.changes.after(app_id, query.after, limit=query.limit)
