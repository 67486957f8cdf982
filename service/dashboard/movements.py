"""Payments, refunds and disputes of an app, newest first, from the timelines of its invoices."""

from typing import Final, Literal
from urllib.parse import urlencode

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from domain.invoices import payment_events as p
from domain.invoices import refund_events as m
from service.dashboard.context import context_of
from service.dashboard.guard import page
from service.dashboard.live import live_url
from service.dashboard.pages import render
from service.dashboard.visitor import Visitor
from service.http.queries import ReadQuery, read_query

_ROWS: Final = 50
_NEWEST: Final = 2**62
_PAYMENTS: Final = (p.PaymentSucceeded.TOPIC, p.PaymentFailed.TOPIC)
_REFUNDS: Final = tuple(
    event.TOPIC for event in (m.RefundRequested, m.RefundPending, m.RefundSucceeded, m.RefundFailed)
)
_DISPUTES: Final = tuple(event.TOPIC for event in (m.DisputeOpened, m.DisputeWon, m.DisputeLost))
_TYPES: Final = {
    "payments": _PAYMENTS,
    "failed": (p.PaymentFailed.TOPIC,),
    "refunds": _REFUNDS,
    "disputes": _DISPUTES,
}


class MovementsQuery(ReadQuery):
    """The kind of movements, and the position of the log before which they lie."""

    kind: Literal["payments", "failed", "refunds", "disputes"] = "payments"
    before: int = Field(_NEWEST, ge=1, le=_NEWEST)


async def _list(request: Request, visitor: Visitor) -> Response:
    context = context_of(request)
    query = read_query(MovementsQuery, request.query_params)
    app_id = visitor.caller.app.app_id
    found = await context.queries.movements(
        app_id, _TYPES[query.kind], before=query.before, rows=_ROWS + 1
    )
    shown = found[:_ROWS]
    next_url = None
    if len(found) > _ROWS:
        next_url = "?" + urlencode({"kind": query.kind, "before": shown[-1].position})
    values = {
        "kind": query.kind,
        "kinds": tuple(_TYPES),
        "rows": shown,
        "is_first": query.before == _NEWEST,
        "next_url": next_url,
        "live_url": await live_url(context),
    }
    return render(request, "movements.html", values, visitor=visitor)


list_movements = page(_list)
