"""End sessions of people who signed in by OpenID Connect."""

import asyncio
from http import HTTPStatus
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.dashboard.context import DashboardContext, context_of
from service.dashboard.guard import action
from service.dashboard.visitor import Form, Visitor
from service.http.errors import NotFound
from service.http.requests import path_uuid
from service.recording.read_your_writes import wait_for_access


async def end_session(context: DashboardContext, session_id: UUID, *, actor: str) -> None:
    """End a session in the log; return once this process rejects it."""
    await asyncio.to_thread(
        context.recording.billing.end_dashboard_session,
        session_id,
        actor=actor,
        occurred_at=context.now(),
    )
    await wait_for_access(context.recording, session_id)


async def _end(request: Request, visitor: Visitor, _: Form) -> Response:
    context, session_id = context_of(request), path_uuid(request, "sessionId")
    known = await context.auth.access_rows.sessions(visitor.caller.app.app_id, now=context.now())
    if session_id not in {session.session_id for session in known}:
        raise NotFound
    await end_session(context, session_id, actor=visitor.caller.actor)
    return RedirectResponse(
        "/dashboard/operations#sessions",
        status_code=HTTPStatus.SEE_OTHER,
        headers={"cache-control": "no-store"},
    )


end_session_of = action(_end)
