"""Tenants: who is billed, and their invoices and subscriptions."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from projections.invoices.queries import InvoiceFilter
from projections.subscriptions.queries import SubscriptionFilter
from service.dashboard.context import DashboardContext, context_of
from service.dashboard.guard import page
from service.dashboard.live import live_url
from service.dashboard.pages import render
from service.dashboard.visitor import Visitor
from service.http.errors import NotFound
from service.http.requests import path_uuid

_ROWS: Final = 50
_FIRST: Final = UUID(int=0)
_SHOWN: Final = 20


async def _list(request: Request, visitor: Visitor) -> Response:
    context, app_id = context_of(request), visitor.caller.app.app_id
    wanted = request.query_params.get("id", "").strip()
    if wanted and _uuid(wanted) is not None:
        return RedirectResponse(f"/dashboard/tenants/{_uuid(wanted)}", status_code=303)
    after = _uuid(request.query_params.get("after", "")) or _FIRST
    found = await context.queries.tenants(app_id, after=after, rows=_ROWS + 1)
    shown = found[:_ROWS]
    values = {
        "rows": shown,
        "wanted": wanted,
        "contacts": await _contacts(context, (row.contact_body for row in shown)),
        "is_first": after == _FIRST,
        "next_url": f"?after={shown[-1].tenant_id}" if len(found) > _ROWS else None,
        "live_url": await live_url(context),
    }
    return render(request, "tenants.html", values, visitor=visitor)


async def _show(request: Request, visitor: Visitor) -> Response:
    context, app_id = context_of(request), visitor.caller.app.app_id
    tenant_id = path_uuid(request, "tenantUuid")
    row = await context.queries.tenant(app_id, tenant_id)
    if row is None:
        raise NotFound
    invoices = await context.invoices.list_invoices(
        InvoiceFilter(app_id=app_id, tenant_id=tenant_id, limit=_SHOWN)
    )
    subscriptions = await context.subscriptions.list_subscriptions(
        SubscriptionFilter(app_id=app_id, tenant_id=tenant_id, limit=_SHOWN)
    )
    contacts = await _contacts(context, [row.contact_body])
    values = {
        "tenant": row,
        "contact": contacts.get(row.contact_body or "", {}),
        "invoices": invoices,
        "subscriptions": subscriptions,
        "live_url": await live_url(context),
    }
    return render(request, "tenant.html", values, visitor=visitor)


async def tenant_names(
    context: DashboardContext, app_id: UUID, tenant_ids: Iterable[UUID | None]
) -> dict[UUID, str]:
    """Return the names of tenants that have one."""
    wanted = list({tenant_id for tenant_id in tenant_ids if tenant_id is not None})
    bodies = await context.queries.contact_bodies(app_id, wanted)
    contacts = await _contacts(context, bodies.values())
    return {
        tenant_id: str(contacts[body]["name"])
        for tenant_id, body in bodies.items()
        if contacts.get(body, {}).get("name")
    }


async def _contacts(
    context: DashboardContext, bodies: Iterable[str | None]
) -> dict[str, dict[str, Any]]:
    """Return names and e-mails by the hash of their body; erased ones are missing."""
    wanted = {bytes.fromhex(body) for body in bodies if body}
    found = await context.recording.log.bodies_async(wanted) if wanted else {}
    return {sha256.hex(): orjson.loads(raw) for sha256, raw in found.items()}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


list_tenants = page(_list)
show_tenant = page(_show)
