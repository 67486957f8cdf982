"""Send changes of an app to its open pages as server-sent events."""

from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from projections.engine.errors import ReadModelUnavailable
from service.dashboard.context import DashboardContext, context_of
from service.dashboard.guard import page, visitor_of
from service.dashboard.pages import HEADERS
from service.dashboard.visitor import Visitor
from service.http.errors import HANDLED_ERRORS

_HEARTBEAT_S: Final = 15.0
_LIFE_S: Final = 300.0
_RETRY: Final = b"retry: 1000\n\n"
_BEAT: Final = b": still here\n\n"


async def live_url(context: DashboardContext) -> str:
    """Return where a page that is rendered now is told of changes, from now on."""
    return f"/dashboard/live?after={await context.invoices.position('invoices')}"


async def _live(request: Request, visitor: Visitor) -> Response:
    after = request.query_params.get("after", "")
    last = request.headers.get("last-event-id", after)
    position = int(last) if last.isascii() and last.isdigit() and len(last) < 19 else 0  # noqa: PLR2004 - digits
    return StreamingResponse(
        _changes(request, visitor, position),
        media_type="text/event-stream",
        headers={**HEADERS, "x-accel-buffering": "no"},
    )


async def _changes(request: Request, visitor: Visitor, position: int) -> AsyncIterator[bytes]:
    """Yield an event for each batch of changes, until the session or the service ends."""
    context, app_id = context_of(request), visitor.caller.app.app_id
    yield _RETRY
    try:
        async with context.recording.waits.wait(_LIFE_S):
            while await _is_signed_in(request):
                if await context.changes.wait_for_some(app_id, position, timeout_s=_HEARTBEAT_S):
                    position = await _reached(context, visitor, position)
                    yield f"id: {position}\nevent: changed\ndata: {position}\n\n".encode()
                else:
                    yield _BEAT
    except (TimeoutError, ReadModelUnavailable):
        return  # the browser connects again, with the last id


async def _reached(context: DashboardContext, visitor: Visitor, position: int) -> int:
    """Return the position after all changes that there are now."""
    while True:
        found = await context.changes.after(visitor.caller.app.app_id, position, limit=1000)
        if len(found.changes) < 1000:  # noqa: PLR2004 - the limit above
            return found.position
        position = found.position


async def _is_signed_in(request: Request) -> bool:
    try:
        return await visitor_of(request) is not None
    except HANDLED_ERRORS:
        return False


live = page(_live)
