"""Lists with Stripe's cursors, limits and filters."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.common.store import Filter, Json
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters
from sandbox.stripe.core.params import CreatedPage, Page
from sandbox.stripe.core.views import view

MAX_LIMIT = 100


def page(
    call: Call,
    kind: str,
    params: Page,
    *,
    url: str,
    owner: str | None = None,
    filters: Sequence[Filter] = (),
    newest_first: bool = True,
) -> Json:
    """Returns one page of a list, newest first by default."""
    _check(params)
    conditions = [*filters, *_created(params)]
    backwards = params.ending_before is not None
    cursor = params.ending_before or params.starting_after
    position = _position(call, kind, cursor, "ending_before" if backwards else "starting_after")
    descending = newest_first != backwards
    found = call.store.find(
        call.account.id,
        kind,
        owner=owner,
        filters=conditions,
        after=None if descending else position,
        before=position if descending else None,
        newest_first=descending,
        limit=params.limit + 1,
    )
    data = found[: params.limit]
    if backwards:
        data.reverse()
    return {
        "object": "list",
        "data": [view(call, body) for body in data],
        "has_more": len(found) > params.limit,
        "url": url,
    }


def _check(params: Page) -> None:
    if params.limit > MAX_LIMIT or params.limit < 1:
        bound = (
            f"less than or equal to {MAX_LIMIT}"
            if params.limit > 1
            else "greater than or equal to 1"
        )
        raise BadParameters(
            f"This value must be {bound} (it currently is '{params.limit}').",
            code="parameter_invalid_integer",
            param="limit",
        )
    if params.starting_after and params.ending_before:
        raise BadParameters(
            "Received both starting_after and ending_before parameters. Please pass in only one.",
            code="parameters_exclusive",
            param="ending_before",
        )


def _created(params: Page) -> list[Filter]:
    if not isinstance(params, CreatedPage) or params.created is None:
        return []
    span = params.created
    bounds = ((">", span.gt), (">=", span.gte), ("<", span.lt), ("<=", span.lte))
    return [Filter("$.created", sign, value) for sign, value in bounds if value is not None]


def _position(call: Call, kind: str, cursor: str | None, param: str) -> int | None:
    if cursor is None:
        return None
    position = call.store.position(call.account.id, kind, cursor)
    if position is None:
        call.load(kind, cursor, param=param)
    return position
