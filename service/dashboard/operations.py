"""Operations: followers and their lag, queues, connections, keys, and the newest changes."""

from typing import Any, Final
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from projections.access.queries import SessionRow
from service.dashboard.context import context_of
from service.dashboard.guard import page
from service.dashboard.pages import render
from service.dashboard.visitor import Visitor

_PATH: Final = "/dashboard/operations"
_CHANGES: Final = 50
OVERLAPS: Final = {
    "at once": 0,
    "after an hour": 3_600,
    "after a day": 86_400,
    "after a week": 604_800,
    "after 30 days": 2_592_000,
}
"""Times that a rotated key stays valid, in seconds, by their labels."""


async def _show(request: Request, visitor: Visitor) -> Response:
    return await operations_page(request, visitor)


async def operations_page(request: Request, visitor: Visitor, **results: Any) -> Response:  # noqa: ANN401 - values of the template
    """Render the page; `results` of an action are shown on this response alone."""
    context, app_id = context_of(request), visitor.caller.app.app_id
    values = {
        "followers": await context.readiness.followers(),
        "queues": await context.queries.queue_depths(app_id),
        "connections": await context.auth.access_rows.connections(app_id),
        "breakers": await context.queries.open_breakers(app_id),
        "keys": await context.auth.access_rows.keys(app_id) if visitor.acts else None,
        "sessions": await _sessions(request, visitor),
        "changes": await context.queries.newest_changes(app_id, rows=_CHANGES),
        "kinds": ("read", "write", "admin"),
        "overlaps": OVERLAPS,
        "action_key": str(uuid4()),
        "new_key": None,
        "tried": None,
        "now": context.now(),
        "path": _PATH,  # also where an action shows its result here
        "here": _PATH,
        **results,
    }
    return render(request, "operations.html", values, visitor=visitor)


async def _sessions(request: Request, visitor: Visitor) -> list[SessionRow] | None:
    """Return the open sessions of people; None without OpenID Connect, and for read keys."""
    context = context_of(request)
    if context.oidc is None or not visitor.acts:
        return None
    return await context.auth.access_rows.sessions(visitor.caller.app.app_id, now=context.now())


show_operations = page(_show)
